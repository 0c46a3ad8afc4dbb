# What the gateway may do in Nomad, and no more: docs/deploy.md#nomads-token says for
# each rule which routes need it.
namespace "default" { # the namespace of dtle's jobs
  capabilities = ["list-jobs", "read-job", "submit-job", "alloc-lifecycle"]
}
node {
  policy = "read"
}
agent {
  policy = "read"
}
