"""Checks template.yaml without AWS: linters, and the rules that the transformed
template has to keep whatever its parameters say.

    python tests/template/check.py        (in a venv with requirements.txt)

`sam validate --lint` does not run the transform, and some settings get lost in
it without a word. So everything below looks at the transformed template, the
way CloudFormation resolves it, for combinations of parameters in which every
two values that a condition tells apart meet.
"""

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from copy import deepcopy
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
os.environ["SAM_CLI_TELEMETRY"] = "0"
BIN = Path(sys.executable).parent
os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

import alarms
import cloudformation as cfn

# SAM warns about switches of its own that nobody here has set.
logging.disable(logging.WARNING)

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"

# Functions that do not talk to Nomad, and so have no business in its network.
# (tests/tests/template.rs looks into their code.)
WITHOUT_NOMAD = {"AuthorizerFunction", "ConsoleFunction", "NotFoundFunction", "OrdersListFunction", "PreflightFunction", "UnsupportedFunction"}

# What needs no token: pages without data, from one function.
PUBLIC = {"/", "/docs", "/openapi.json"}

# AWS knows no resources for these: the network interfaces of Lambda, X-Ray.
ANY_RESOURCE = {
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}

SENTENCE = "everyone who reaches this API may read passwords and stop replication"


def secret(name):
    return f"arn:aws:secretsmanager:{cfn.REGION}:{cfn.ACCOUNT}:secret:dtle/{name}-AbCdEf"


# What has no default.
NEEDED = {
    "NomadAddress": "http://10.0.1.5:4646,http://10.0.2.5:4646",
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
}
# Two values or more of every parameter that a condition or the transform looks
# at. The first is the usual one.
CHOICES = {
    "NomadSecurityGroupId": ["sg-0123456789abcdef0", ""],
    "NomadCidr": ["", "10.0.0.0/16"],
    "FunctionSecurityGroupId": ["", "sg-0123456789abcdef1"],
    "ConsulAddress": ["", "http://10.0.1.5:8500"],
    "PluginAddresses": ["", "http://10.0.1.5:8190,http://10.0.1.6:8190"],
    "NomadTokenSecretArn": ["", secret("nomad-token")],
    "NomadTlsSecretArn": ["", secret("nomad-tls")],
    "ConsulTokenSecretArn": ["", secret("consul-token")],
    "SecretsKeyArn": ["", f"arn:aws:kms:{cfn.REGION}:{cfn.ACCOUNT}:key/0a1b2c3d-1111-2222-3333-444455556666"],
    "SecretsEndpoint": ["none", "create"],
    "SecretsEndpointSecurityGroupId": ["", "sg-0123456789abcdef2"],
    "CallerTokensSecretArn": [secret("callers"), ""],
    "CorsOrigins": ["", "https://console.example.com, http://10.0.0.5:3000"],
    "OpenAccess": ["false", "true"],
    "OpenAccessAcknowledgement": ["", SENTENCE],
    "AuthorizerCacheSeconds": [60, 0, 10, 30, 300, 900, 3600],
    "StatisticsRate": [5, 1, 2, 10, 20, 50, 100, 500],
    "SharedStatistics": ["false", "true"],
    "TableRouteTableIds": ["", "rtb-0123456789abcdef0,rtb-0123456789abcdef1"],
    "ProvisionedConcurrency": [0, 2],
    "JobLayout": ["auto", "split", "merged"],
    "Architecture": ["x86_64", "arm64"],
    "StatisticsConcurrency": [-1, 2],
    "ListConcurrency": [-1, 10],
    "ReadConcurrency": [-1, 10],
    "WriteConcurrency": [-1, 0],
    "ClusterConcurrency": [-1, 5],
    "AuthorizerConcurrency": [-1, 20],
    "DomainName": ["", "dtle.example.com"],
    "CertificateArn": ["", f"arn:aws:acm:{cfn.REGION}:{cfn.ACCOUNT}:certificate/0a1b2c3d-1111-2222-3333-444455556666"],
    "HostedZoneId": ["", "Z0123456789ABCDEFGHIJ"],
    "DefaultEndpoint": ["enabled", "disabled"],
    "Tracing": ["false", "true"],
    "AlarmEmail": ["", "operator@example.com"],
    "AlarmTopicArn": ["", f"arn:aws:sns:{cfn.REGION}:{cfn.ACCOUNT}:alarms"],
    "Dashboard": ["true", "false"],
    "GradualDeployment": ["false", "true"],
}


# ---- Getting at the transformed template ----------------------------------


@cache
def parsed():
    template = yaml_parse(TEMPLATE.read_text())
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/code"
    return template


def source():
    """template.yaml as it stands, with a place for the code, as after packaging."""
    return deepcopy(parsed())


def transform(values):
    session = boto3.Session(region_name=cfn.REGION)
    # No managed policies: the template uses none of AWS's, and must not.
    return Translator({}, Parser(), boto_session=session).translate(source(), dict(values))


def of_type(template, kind):
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


def functions(template):
    return of_type(template, "AWS::Lambda::Function")


def function_behind(alias, template):
    """The function that an alias of ours leads to."""
    properties = template["Resources"][alias]["Properties"]
    version = properties["FunctionVersion"]["Fn::GetAtt"][0]
    assert template["Resources"][version]["Properties"]["FunctionName"] == properties["FunctionName"]
    return properties["FunctionName"]["Ref"]


def body(template):
    [api] = of_type(template, "AWS::ApiGatewayV2::Api").values()
    return api["Body"]


def routes(template):
    for path, methods in body(template)["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def alias_in(uri):
    """…/functions/${Alias}/invocations"""
    text, own = (uri["Fn::Sub"], {}) if isinstance(uri["Fn::Sub"], str) else uri["Fn::Sub"]
    [name] = re.findall(r"functions/\$\{(\w+)\}/invocations", text)
    return own[name]["Ref"] if name in own else name


def statements(template):
    """Every statement of every policy, with where it stands."""
    for kind in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::EC2::VPCEndpoint"):
        for name, properties in of_type(template, kind).items():
            documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
            documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
            for document in documents:
                for statement in document["Statement"]:
                    yield name, statement


def as_list(value):
    return value if isinstance(value, list) else [value]


# ---- What must hold for every combination ---------------------------------


def each_route_has_one_integration_one_function_and_the_authorizer(template, values):
    count = 0
    for path, method, operation in routes(template):
        where, count = f"{method} {path}", count + 1
        integration = operation["x-amazon-apigateway-integration"]
        assert integration["type"] == "aws_proxy" and integration["payloadFormatVersion"] == "2.0", where
        alias = alias_in(integration["uri"])
        assert function_behind(alias, template) in functions(template), where
        open_to_all = (path, method) == ("/{proxy+}", "options") or (method == "get" and path in PUBLIC)
        assert operation.get("security") == (None if open_to_all else [{"CallerTokens": []}]), f"{where}: {operation}"
        assert (function_behind(alias, template) == "ConsoleFunction") == (path in PUBLIC), where
        assert any(
            permission["FunctionName"] == {"Ref": alias} for permission in of_type(template, "AWS::Lambda::Permission").values()
        ), f"{where}: API Gateway may not invoke {alias}"
    assert 50 < count < 250, f"{count} routes; API Gateway takes 300"
    keys = {f"{method.upper()} {path}" for path, method, _ in routes(template)}
    [stage] = of_type(template, "AWS::ApiGatewayV2::Stage").values()
    assert set(stage["RouteSettings"]) <= keys, "RouteSettings for no route fail the deployment"
    assert stage["StageName"] == "$default" and stage["AutoDeploy"] is True
    rate = values["StatisticsRate"]
    for path in ("/v1/agent/allocation/{id}/stats", "/agent/allocation/{id}/stats"):
        assert stage["RouteSettings"][f"GET {path}"] == {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": 2 * rate}
    # SAM spells it so when FailOnWarnings is on.
    assert body(template)["paths"]["/$default"]["x-amazon-apigateway-any-method"]["isDefaultRoute"] is True


def the_authorizer_asks_the_right_function_and_keys_its_cache_by_route(template, values):
    schemes = body(template)["components"]["securitySchemes"]
    assert list(schemes) == ["CallerTokens"], list(schemes)
    authorizer = schemes["CallerTokens"]["x-amazon-apigateway-authorizer"]
    assert authorizer["type"] == "request" and authorizer["enableSimpleResponses"] is True
    assert authorizer["authorizerPayloadFormatVersion"] == "2.0"
    assert sorted(authorizer["identitySource"]) == ["$context.routeKey", "$request.header.Authorization"]
    assert authorizer["authorizerResultTtlInSeconds"] == values["AuthorizerCacheSeconds"]
    assert function_behind(alias_in(authorizer["authorizerUri"]), template) == "AuthorizerFunction"
    assert any(
        permission["FunctionName"] == {"Ref": alias_in(authorizer["authorizerUri"])}
        for permission in of_type(template, "AWS::Lambda::Permission").values()
    )


def what_has_no_type_of_its_own_holds_no_parameter_that_is_a_number(template, values):
    # CloudFormation makes texts of them there: the body of an API, and what it calls Json.
    [stage] = of_type(template, "AWS::ApiGatewayV2::Stage").values()
    numbers = {name for name, parameter in template["Parameters"].items() if parameter["Type"] == "Number"}
    for part in (body(template), stage["RouteSettings"]):
        assert not numbers & set(cfn.references(part)), numbers & set(cfn.references(part))


def preflights_need_no_token_where_origins_are_named_and_have_no_route_else(template, values):
    asked = {function_behind(alias_in(o["x-amazon-apigateway-integration"]["uri"]), template) for _, method, o in routes(template) if method == "options"}
    assert asked == ({"PreflightFunction"} if values["CorsOrigins"] else set()), asked
    assert ("PreflightFunction" in functions(template)) == bool(values["CorsOrigins"])
    # It would answer in the functions' place, and ignore their headers.
    assert "x-amazon-apigateway-cors" not in body(template)
    for name, function in functions(template).items():
        assert function["Environment"]["Variables"]["DTLE_CORS_ORIGINS"] == {"Ref": "CorsOrigins"}, name


def every_function_but_the_authorizer_has_a_route(template, values):
    routed = {function_behind(alias_in(o["x-amazon-apigateway-integration"]["uri"]), template) for _, _, o in routes(template)}
    assert set(functions(template)) - routed == {"AuthorizerFunction"}
    assert not of_type(template, "AWS::Lambda::Url"), "a function URL would go past the authorizer"


def functions_that_talk_to_nomad_are_in_the_vpc_and_others_are_not(template, values):
    for name, function in functions(template).items():
        policies = of_type(template, "AWS::IAM::Role")[function["Role"]["Fn::GetAtt"][0]]["ManagedPolicyArns"]
        if name in WITHOUT_NOMAD:
            assert "VpcConfig" not in function, name
        else:
            vpc = function["VpcConfig"]
            assert vpc["SubnetIds"] == {"Ref": "SubnetIds"} and len(vpc["SecurityGroupIds"]) == 1, name
        assert ({"Ref": "NetworkPolicy"} in policies) == ("VpcConfig" in function), name


def policies_name_their_resources(template, values):
    for name, statement in statements(template):
        assert not any("*" in action for action in as_list(statement["Action"])), f"{name}: {statement}"
        wide = any("*" == resource for resource in as_list(statement["Resource"]))
        if wide and statement["Effect"] == "Allow":
            assert set(as_list(statement["Action"])) <= ANY_RESOURCE, f"{name}: {statement}"
        # A wildcard hidden in a longer resource.
        for resource in as_list(statement["Resource"]):
            assert resource == "*" or "*" not in json.dumps(resource), f"{name}: {resource}"


def roles_are_of_one_function_each_and_it_writes_its_own_log_only(template, values):
    roles = [function["Role"]["Fn::GetAtt"][0] for function in functions(template).values()]
    groups = [function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions(template).values()]
    assert len(set(roles)) == len(roles) and len(set(groups)) == len(groups)
    for name, role in of_type(template, "AWS::IAM::Role").items():
        [principal] = {json.dumps(s["Principal"]) for s in role["AssumeRolePolicyDocument"]["Statement"]}
        if "codedeploy" in principal:
            continue
        assert principal == '{"Service": "lambda.amazonaws.com"}', name
        group = groups[roles.index(name)]
        [policy] = role["Policies"]
        [statement] = policy["PolicyDocument"]["Statement"]
        assert statement["Resource"] == {"Fn::GetAtt": [group, "Arn"]}, name
        assert template["Resources"][group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
        # Policies of the template's own, whose statements are checked above.
        assert all("Ref" in policy for policy in role["ManagedPolicyArns"]), name


def functions_may_read_the_secrets_they_are_told_of_and_no_other(template, values):
    readable = {}
    for policy, properties in of_type(template, "AWS::IAM::ManagedPolicy").items():
        for statement in properties["PolicyDocument"]["Statement"]:
            if statement["Action"] == "secretsmanager:GetSecretValue":
                readable[policy] = statement["Resource"]["Ref"]
    for name, function in functions(template).items():
        variables = function["Environment"]["Variables"]
        told = {v["Ref"] for key, v in variables.items() if key.endswith("_SECRET") and values[v["Ref"]]}
        role = of_type(template, "AWS::IAM::Role")[function["Role"]["Fn::GetAtt"][0]]
        may = {readable[p["Ref"]] for p in role["ManagedPolicyArns"] if p["Ref"] in readable}
        assert told == may, f"{name}: told of {told}, may read {may}"
        for key in ("NOMAD_TOKEN", "NOMAD_CLIENT_KEY", "CONSUL_HTTP_TOKEN"):
            assert key not in variables, f"{name}: {key} stands in the open"


def a_secrets_endpoint_lets_the_same_secrets_through(template, values):
    used = {p for p in ("NomadTokenSecretArn", "NomadTlsSecretArn", "ConsulTokenSecretArn") if values[p]}
    for endpoint in of_type(template, "AWS::EC2::VPCEndpoint").values():
        if endpoint["VpcEndpointType"] == "Gateway":
            continue
        [statement] = endpoint["PolicyDocument"]["Statement"]
        assert {r["Ref"] for r in statement["Resource"]} == used and endpoint["PrivateDnsEnabled"] is True


def the_table_is_for_the_statistics_function_alone(template, values):
    tables = of_type(template, "AWS::DynamoDB::Table")
    shares = values["SharedStatistics"] == "true"
    assert set(tables) == ({"SamplesTable"} if shares else set())
    for table in tables.values():
        assert table["BillingMode"] == "PAY_PER_REQUEST" and table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    for name, role in of_type(template, "AWS::IAM::Role").items():
        may = {"Ref": "SamplesPolicy"} in role.get("ManagedPolicyArns", [])
        assert may == (shares and name == "AllocationStatsRole"), name
    for name, function in functions(template).items():
        told = function["Environment"]["Variables"].get("DTLE_SAMPLES_TABLE")
        assert told == (None if name != "AllocationStatsFunction" else {"Ref": "SamplesTable"} if shares else ""), name
    gateways = [e for e in of_type(template, "AWS::EC2::VPCEndpoint").values() if e["VpcEndpointType"] == "Gateway"]
    assert len(gateways) == bool(values["TableRouteTableIds"])
    for endpoint in gateways:
        [statement] = endpoint["PolicyDocument"]["Statement"]
        assert statement["Resource"] == {"Fn::GetAtt": ["SamplesTable", "Arn"]}


def instances_are_kept_ready_of_what_a_dashboard_waits_for(template, values):
    aliases = {function_behind(name, template): alias for name, alias in of_type(template, "AWS::Lambda::Alias").items()}
    ready = {name for name, alias in aliases.items() if "ProvisionedConcurrencyConfig" in alias}
    text = (TEMPLATE.parent / "docs/deploy.md").read_text()
    [row] = re.findall(r"^\| `ProvisionedConcurrency` .*$", text, re.M)
    of_binary = {template["Resources"][name]["Metadata"]["BuildProperties"]["Binary"]: name for name in functions(template)} if ready else {}
    documented = {of_binary[name] for name in re.findall(r"`([a-z-]+)`", row) if name in of_binary}
    assert ready == documented, ready ^ documented
    assert bool(ready) == bool(values["ProvisionedConcurrency"])


def security_groups_open_to_groups_and_known_ports_only(template, values):
    ports = ({"Ref": "NomadPort"}, {"Ref": "ConsulPort"}, {"Ref": "PluginPort"}, 443)
    for name, group in of_type(template, "AWS::EC2::SecurityGroup").items():
        assert group["SecurityGroupEgress"], f"{name}: no egress rule means every one"
        for rule in group.get("SecurityGroupIngress", []):
            assert "SourceSecurityGroupId" in rule and rule["FromPort"] == rule["ToPort"] == 443, name
        for rule in group["SecurityGroupEgress"]:
            assert rule.get("CidrIp") == "127.0.0.1/32" or rule["FromPort"] == rule["ToPort"], name
            assert rule.get("CidrIp") == "127.0.0.1/32" or rule["FromPort"] in ports, name
            assert ("CidrIp" in rule) != ("DestinationSecurityGroupId" in rule), f"{name}: {rule}"
    for name, rule in of_type(template, "AWS::EC2::SecurityGroupIngress").items():
        assert "SourceSecurityGroupId" in rule and rule["FromPort"] == rule["ToPort"] in ports, name


def alarms_reach_somebody_when_there_is_somebody(template, values):
    expected = bool(values["AlarmEmail"]) + bool(values["AlarmTopicArn"])
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        if name != "ReleaseAlarm":
            assert len(alarm["AlarmActions"]) == expected, name


def aliases_are_moved_by_codedeploy_when_asked_for(template, values):
    aliases = [r for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Alias"]
    assert len(aliases) == len(functions(template))
    gradual = values["GradualDeployment"] == "true"
    assert all(("UpdatePolicy" in alias) == gradual for alias in aliases)


def concurrency_is_reserved_only_when_asked_for(template, values):
    reserved = {f["ReservedConcurrentExecutions"]["Ref"] for f in functions(template).values() if "ReservedConcurrentExecutions" in f}
    kinds = [name for name in values if name.endswith("Concurrency") and name != "ProvisionedConcurrency"]
    asked = {name for name in kinds if values[name] != -1}
    assert reserved == asked, f"{reserved} {asked}"


def what_is_referred_to_exists(template, values):
    known = {*template["Parameters"], *template["Resources"], *cfn.PSEUDO}
    for section in ("Resources", "Outputs"):
        for name, item in template[section].items():
            missing = set(cfn.references(item)) - known
            assert not missing, f"{name} refers to {missing}"


def nothing_depends_on_itself(template, values):
    resources = template["Resources"]
    graph = {name: set(cfn.references(item)) & set(resources) for name, item in resources.items()}
    list(TopologicalSorter(graph).static_order())  # Raises on a circle.


def limits_are_far(template, values):
    assert len(template["Resources"]) <= 400, f"{len(template['Resources'])} resources; CloudFormation takes 500"
    assert len(template["Parameters"]) <= 120, "CloudFormation takes 200 parameters"


ALWAYS = [
    each_route_has_one_integration_one_function_and_the_authorizer,
    the_authorizer_asks_the_right_function_and_keys_its_cache_by_route,
    what_has_no_type_of_its_own_holds_no_parameter_that_is_a_number,
    preflights_need_no_token_where_origins_are_named_and_have_no_route_else,
    every_function_but_the_authorizer_has_a_route,
    functions_that_talk_to_nomad_are_in_the_vpc_and_others_are_not,
    policies_name_their_resources,
    roles_are_of_one_function_each_and_it_writes_its_own_log_only,
    functions_may_read_the_secrets_they_are_told_of_and_no_other,
    a_secrets_endpoint_lets_the_same_secrets_through,
    the_table_is_for_the_statistics_function_alone,
    instances_are_kept_ready_of_what_a_dashboard_waits_for,
    security_groups_open_to_groups_and_known_ports_only,
    alarms_reach_somebody_when_there_is_somebody,
    aliases_are_moved_by_codedeploy_when_asked_for,
    concurrency_is_reserved_only_when_asked_for,
    what_is_referred_to_exists,
    nothing_depends_on_itself,
    limits_are_far,
]


# ---- What must hold once ---------------------------------------------------


def the_linters_are_content():
    for command in (["sam", "validate"], ["sam", "validate", "--lint"]):
        run([*command, "--template-file", str(TEMPLATE)])
    run(["cfn-lint", str(TEMPLATE), str(TEMPLATE.parent / "deploy/network.yaml")])


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, cwd=TEMPLATE.parent)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def the_form_shows_every_parameter_once():
    template = source()
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = [name for group in groups for name in group["Parameters"]]
    assert sorted(shown) == sorted(template["Parameters"]), set(shown) ^ set(template["Parameters"])


def the_documentation_prints_the_scripts():
    text = (TEMPLATE.parent / "docs/deploy.md").read_text()
    for name in ("release", "rollback"):
        script = (TEMPLATE.parent / "deploy" / name).read_text()
        assert f"```bash\n{script}```" in text, f"docs/deploy.md does not print deploy/{name} as it is"


def the_example_has_ten_values_that_are_taken():
    example = yaml_parse((TEMPLATE.parent / "deploy/parameters.example.yaml").read_text())
    assert len(example) == 10, len(example)
    values = {**cfn.defaults(source()), **example}
    assert not list(cfn.faults_of_values(source(), values)), list(cfn.faults_of_values(source(), values))
    assert not list(cfn.broken_rules(source(), values)), list(cfn.broken_rules(source(), values))
    cfn.concrete(transform(values), values)
    # What has no default is among them.
    assert {name for name, parameter in source()["Parameters"].items() if "Default" not in parameter} <= set(example)


def the_new_networks_outputs_are_parameters():
    network = yaml_parse((TEMPLATE.parent / "deploy/network.yaml").read_text())
    assert set(network["Outputs"]) <= set(source()["Parameters"])


def the_documentation_names_every_parameter_and_its_default():
    text = (TEMPLATE.parent / "docs/deploy.md").read_text()
    for name, parameter in source()["Parameters"].items():
        assert f"`{name}`" in text, f"docs/deploy.md does not name {name}"
        if "Default" in parameter:
            default = str(parameter["Default"]).replace("-", "−")
            said = re.search(rf"`{name}` \[([^]]*)\]", text)
            assert said and said[1] == default, f"docs/deploy.md: {name} defaults to {default!r}"


def senseless_parameters_are_refused():
    template, usual = source(), values_of({})
    assert not list(cfn.broken_rules(template, usual))
    for change, expected in [
        ({"CallerTokensSecretArn": ""}, "CallerTokensSecretArn is needed"),
        ({"OpenAccess": "true"}, "OpenAccess needs OpenAccessAcknowledgement"),
        ({"OpenAccess": "true", "OpenAccessAcknowledgement": "yes"}, "OpenAccess needs OpenAccessAcknowledgement"),
        ({"NomadSecurityGroupId": ""}, "NomadSecurityGroupId or NomadCidr"),
        ({"ConsulTokenSecretArn": secret("c")}, "only with ConsulAddress"),
        ({"SecretsEndpoint": "create"}, "only with a secret"),
        ({"TableRouteTableIds": "rtb-01234567"}, "only with SharedStatistics"),
        ({"DomainName": "dtle.example.com"}, "needs CertificateArn"),
        ({"HostedZoneId": "Z0123"}, "only with DomainName"),
        ({"DefaultEndpoint": "disabled"}, "the only one"),
    ]:
        said = " ".join(cfn.broken_rules(template, {**usual, **change}))
        assert expected in said, f"{change}: {said!r}"
    for name, value in [
        ("NomadAddress", "10.0.1.5:4646"),
        ("NomadAddress", "http://10.0.1.5:4646/v1"),
        ("NomadAddress", ""),
        ("CallerTokensSecretArn", "my-secret"),
        ("CallerTokensSecretArn", secret("callers") + "*"),
        ("NomadCidr", "0.0.0.0/0"),
        ("CorsOrigins", "*"),
        ("CorsOrigins", "https://console.example.com/app"),
        ("RestartDelay", "15"),
        *(("Release", value) for value in UNFIT_RELEASES),
        ("ReleaseBefore", "v1.2-again"),
        ("AuthorizerCacheSeconds", 61),
        ("StatisticsRate", 0),
        ("StatisticsConcurrency", -2),
        ("ListTimeout", 30),
    ]:
        assert list(cfn.faults_of_values(template, {**usual, name: value})), f"{name} = {value!r} passed"


# What was documented once, what people write, and what somebody may try.
UNFIT_RELEASES = [
    "", "v0.1.0", "v1.2-again", "2026-11-25", "release_7", "d3f3578-dirty", "20261125143005", "release20251",
    "a b", "a\n", "é", "１", "../x", "${x}", "*", "\0",
]  # fmt: skip


def every_release_that_is_taken_is_deployable_and_makes_new_versions():
    documented = re.findall(r"Release=([A-Za-z0-9]+)", (TEMPLATE.parent / "docs/deploy.md").read_text())
    script = (TEMPLATE.parent / "deploy/release").read_text()
    [form] = re.findall(r"release=\$\((date [^)]+)\)", script)
    now = subprocess.run(["bash", "-c", form], capture_output=True, text=True, check=True).stdout.strip()
    assert re.fullmatch(r"\d{10}", now), now
    # Next minute, hour, day, month, year; the first differs from the others in its last digits only.
    minutes = ["2611251430", "2611251431", "2611251530", "2611261430", "2612251430", "2711251430"]
    others = ["initial", "a", "A", "0", "00", "release7", "Version", "0123456789", "abcdefghij", "Abcdefghij", "d3f3578"]
    seen = {}
    for release in {*documented, now, *minutes, *others}:
        values = values_of({"Release": release, "ReleaseBefore": "initial"})
        assert not list(cfn.faults_of_values(source(), values)), release
        template = transform(values)
        versions = set(of_type(template, "AWS::Lambda::Version"))
        assert len(versions) == len(functions(template)), release
        for name in template["Resources"]:
            assert re.fullmatch(r"[A-Za-z0-9]{1,255}", name), f"{release}: {name}"
        for name in versions:
            assert name not in seen, f"{release} and {seen[name]}: {name}"
            seen[name] = release


def alarms_count_faults_as_whose_they_are():
    alarms.check(source(), values_of({}))


def the_runbook_has_a_page_for_every_alarm():
    template, text = source()["Resources"], (TEMPLATE.parent / "docs/runbook.md").read_text()
    for name in (name for name, it in template.items() if it["Type"] == "AWS::CloudWatch::Alarm"):
        assert f"docs/runbook.md, {name}" in template[name]["Properties"]["AlarmDescription"], name
        page = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", text, re.S | re.M)
        assert page and "\n1. " in page[1] and "\n2. " in page[1], f"docs/runbook.md: no steps for {name}"


def the_access_log_and_the_dashboard_are_json():
    template = source()["Resources"]
    line = template["Api"]["Properties"]["AccessLogSettings"]["Format"]
    fields = json.loads(re.sub(r"\$context\.[A-Za-z.]+", "0", line))
    for name in (name for name, it in template.items() if it["Type"] == "AWS::Logs::MetricFilter"):
        for field in re.findall(r"\$\.(\w+)", template[name]["Properties"].get("FilterPattern", "")):
            assert field in fields, f"{name} asks for {field}"
    board = json.loads(re.sub(r"\$\{[^}]+\}", "x", template["OperatorDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]))
    assert len(board["widgets"]) >= 8


ONCE = [
    the_linters_are_content,
    the_form_shows_every_parameter_once,
    the_documentation_names_every_parameter_and_its_default,
    the_documentation_prints_the_scripts,
    the_example_has_ten_values_that_are_taken,
    the_new_networks_outputs_are_parameters,
    senseless_parameters_are_refused,
    every_release_that_is_taken_is_deployable_and_makes_new_versions,
    alarms_count_faults_as_whose_they_are,
    the_runbook_has_a_page_for_every_alarm,
    the_access_log_and_the_dashboard_are_json,
]


# ---- Running them ----------------------------------------------------------


def values_of(change):
    return {**cfn.defaults(parsed()), **NEEDED, **{name: options[0] for name, options in CHOICES.items()}, **change}


def combinations():
    template = source()
    asked = set(cfn.references(template["Conditions"])) | set(cfn.references(template["Globals"]["Function"]["DeploymentPreference"]))
    missing = (asked & set(template["Parameters"])) - set(CHOICES) - {"DeploymentType"}
    assert not missing, f"CHOICES lacks {missing}, which a condition knows"
    usual = values_of({})
    allowed = lambda change: not any(cfn.broken_rules(template, {**usual, **change}))
    found, _ = cfn.pairwise(CHOICES, allowed)
    for combination in found:
        assert not list(cfn.faults_of_values(template, values_of(combination)))
    for name in template["Conditions"]:
        seen = {cfn.conditions(template, values_of(combination))[name] for combination in found}
        assert seen == {True, False}, f"{name} is always {seen}"
    return found


def main():
    for check in ONCE:
        check()
        print(f"ok  {check.__name__.replace('_', ' ')}")

    # The last combinations differ from the usual values in most ways at once.
    found, largest, judged = combinations()[::-1], (0, 0), set()
    with tempfile.TemporaryDirectory() as folder:
        for number, combination in enumerate(found):
            values = values_of(combination)
            transformed = transform(values)
            template = cfn.concrete(transformed, values)
            for check in ALWAYS:
                try:
                    check(template, values)
                except Exception as error:
                    changed = {k: v for k, v in combination.items() if v != CHOICES[k][0]}
                    raise AssertionError(f"{check.__name__} with {changed}: {error}") from error
            size = len(json.dumps(transformed))
            assert size < 700_000, f"{size} bytes; CloudFormation takes 1,000,000"
            largest = max(largest, (len(template["Resources"]), size))
            # A linter takes five seconds for each, so it gets as many as it takes
            # for every condition to hold and not to hold.
            # Which number is chosen is the same to it.
            holds = cfn.conditions(transformed, values).items()
            fresh = {it for it in holds if not re.fullmatch(r"(Caches|Takes)\d+", it[0])} - judged
            if fresh:
                judged |= fresh
                Path(folder, f"{number}.json").write_text(json.dumps(cfn.with_values(template, values)))
        for check in ALWAYS:
            print(f"ok  {check.__name__.replace('_', ' ')}")
        # Unused parameters are what is left of conditions.
        run(["cfn-lint", "--ignore-checks", "W2001", "--", *map(str, sorted(Path(folder).glob("*.json")))])
        print("ok  cfn-lint is content with what conditions make of it, each way")
    print(f"{len(found)} combinations of parameters, up to {largest[0]} resources and {largest[1]:,} bytes")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.exit(f"template.yaml: {error}")
