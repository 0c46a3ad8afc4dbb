# The API on AWS, for those who deploy with Terraform: the packaged SAM template as a
# CloudFormation stack. docs/deploy.md describes the stack itself.
#
# Once for each release, the template and the functions go to a bucket:
#
#   cargo lambda build --release --locked -p functions && python3 tests/artifacts/check.py
#   sam build
#   sam package --s3-bucket BUCKET --output-template-file packaged.yaml
#   aws s3 cp packaged.yaml s3://BUCKET/dtle-api/RELEASE.yaml
#
# and then
#
#   module "dtle_api" {
#     source                   = "./deploy/terraform"
#     template_url             = "https://BUCKET.s3.eu-central-1.amazonaws.com/dtle-api/RELEASE.yaml"
#     release                  = "2026112604"
#     nomad_address            = "http://10.0.1.5:4646,http://10.0.2.5:4646"
#     nomad_security_group_id  = "sg-0123456789abcdef0"
#     vpc_id                   = "vpc-0123456789abcdef0"
#     subnet_ids               = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
#     secrets_endpoint         = "create"
#     caller_tokens_secret_arn = aws_secretsmanager_secret.callers.arn
#     nomad_token_secret_arn   = aws_secretsmanager_secret.nomad_token.arn
#     parameters               = { TaskMemory = "128" }
#   }

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 4.0"
    }
  }
}

resource "aws_cloudformation_stack" "api" {
  name         = var.name
  template_url = var.template_url

  # The template makes roles, and its transform is SAM's.
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = merge({
    NomadAddress          = var.nomad_address
    NomadRegion           = var.nomad_region
    VpcId                 = var.vpc_id
    SubnetIds             = join(",", var.subnet_ids)
    NomadSecurityGroupId  = var.nomad_security_group_id
    SecretsEndpoint       = var.secrets_endpoint
    CallerTokensSecretArn = var.caller_tokens_secret_arn
    NomadTokenSecretArn   = var.nomad_token_secret_arn
    ConsulAddress         = var.consul_address
    AlarmEmail            = var.alarm_email
    Release               = var.release
  }, var.parameters)

  timeouts {
    create = "60m"
    update = "60m"
    delete = "60m"
  }
}

output "api_url" {
  description = "Where the API answers."
  value       = aws_cloudformation_stack.api.outputs["ApiUrl"]
}

output "outputs" {
  description = "All outputs of the stack, by their names in the template."
  value       = aws_cloudformation_stack.api.outputs
}
