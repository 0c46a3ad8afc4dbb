//! How many clusters fit each quota of one AWS account and region.

use std::fmt::Write;

/// Functions of a stack, which are as many roles: `template.yaml`.
pub(crate) const FUNCTIONS: u64 = 38;
/// Functions of a stack that ListConcurrency counts for.
pub(crate) const LISTS: u64 = 9;
/// Subnets of a stack.
pub(crate) const SUBNETS: u64 = 2;
/// Kilobytes of a function as it is uploaded: half of what performance.md has on disk.
const ZIPPED: u64 = 2_900;
/// Releases that stay: the one that serves and the one before it.
const RELEASES: u64 = 2;
/// Requests a second of a cluster: five dashboards of eight routes, every ten seconds.
const RATE: u64 = 4;
/// Instances that five such dashboards keep, as the simulation has it.
const INSTANCES: u64 = 17;

/// A quota, what a cluster takes of it, and what to do about it.
struct Quota {
    what: &'static str,
    quota: u64,
    /// Of a cluster with a stack of its own, as the template has it.
    takes: u64,
    unit: &'static str,
    remedy: &'static str,
}

const QUOTAS: [Quota; 15] = [
    Quota {
        what: "concurrency that can be reserved, with ListConcurrency 1 in every stack",
        quota: 900,
        takes: LISTS,
        unit: "",
        remedy: "do not reserve; 100 of the 1,000 always stay unreserved. Can be raised to tens of thousands",
    },
    Quota {
        what: "peerings of the functions' VPC, when every cluster has a VPC of its own",
        quota: 50,
        takes: 1,
        unit: "",
        remedy: "put each stack's functions into its cluster's VPC, or use a transit gateway; can be raised to 125",
    },
    Quota {
        what: "IAM roles of an account †",
        quota: 1_000,
        takes: FUNCTIONS,
        unit: "",
        remedy: "can be raised to 5,000 †; then another account",
    },
    Quota {
        what: "custom domains of a region",
        quota: 120,
        takes: 1,
        unit: "",
        remedy: "one domain, a path for each cluster: API mappings",
    },
    Quota {
        what: "network interfaces of a VPC, for Lambda",
        quota: 250,
        takes: SUBNETS,
        unit: "",
        remedy: "one security group for all stacks (FunctionSecurityGroupId): then all share one interface a subnet. Or a VPC for each group of clusters; can be raised to thousands",
    },
    Quota {
        what: "uploaded code, MB",
        quota: 75_000,
        takes: FUNCTIONS * ZIPPED * RELEASES / 1_000,
        unit: " MB",
        remedy: "delete older versions; can be raised to terabytes",
    },
    Quota {
        what: "CloudWatch alarms of a region †",
        quota: 5_000,
        takes: 5,
        unit: "",
        remedy: "can be raised",
    },
    Quota {
        what: "REST APIs of a region (for HTTP APIs no number is published)",
        quota: 600,
        takes: 1,
        unit: "",
        remedy: "another region or account",
    },
    Quota {
        what: "stacks of a region †",
        quota: 2_000,
        takes: 1,
        unit: "",
        remedy: "can be raised",
    },
    Quota {
        what: "requests a second through API Gateway",
        quota: 10_000,
        takes: RATE,
        unit: " a second",
        remedy: "can be raised; 2,500 in the smaller regions",
    },
    Quota {
        what: "DynamoDB tables of a region, with SharedStatistics †",
        quota: 2_500,
        takes: 1,
        unit: "",
        remedy: "can be raised",
    },
    Quota {
        what: "concurrent executions, when every dashboard holds one blocking query",
        quota: 1_000,
        takes: 5,
        unit: "",
        remedy: "do not block: poll. Can be raised to tens of thousands",
    },
    Quota {
        what: "secrets of a region †",
        quota: 500_000,
        takes: 4,
        unit: "",
        remedy: "–",
    },
    Quota {
        what: "reads of secrets a second, when all instances start within ten seconds",
        quota: 10_000,
        takes: INSTANCES.div_ceil(10),
        unit: " a second",
        remedy: "–",
    },
    Quota {
        what: "addresses of a /24 subnet, with an interface for each stack",
        quota: 251,
        takes: 1,
        unit: "",
        remedy: "a larger subnet, or one security group for all stacks",
    },
];

/// The quotas, the one that ends first on top.
pub(crate) fn table() -> String {
    let mut quotas: Vec<&Quota> = QUOTAS.iter().collect();
    quotas.sort_by_key(|quota| quota.quota / quota.takes);
    let mut out = String::from(
        "| quota of one account and region | by default | a cluster takes | clusters that fit | what to set |\n|---|---:|---:|---:|---|\n",
    );
    for quota in quotas {
        let _ = writeln!(
            out,
            "| {} | {} | {}{} | {} | {} |",
            quota.what,
            thousands(quota.quota),
            thousands(quota.takes),
            quota.unit,
            thousands(quota.quota / quota.takes),
            quota.remedy
        );
    }
    out
}

/// A number with commas.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
