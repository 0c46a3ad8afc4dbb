# The ten values that a first deployment needs; deploy/parameters.example.yaml has the same.

variable "nomad_address" {
  type        = string
  description = "Nomad's servers, as many as there are: http://10.0.1.5:4646,http://10.0.2.5:4646"
}

variable "nomad_region" {
  type        = string
  description = "The region that they call their own. Empty for the server's own."
  default     = ""
}

variable "vpc_id" {
  type        = string
  description = "The network that reaches them."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets, in two availability zones or more."

  validation {
    condition     = length(var.subnet_ids) > 0
    error_message = "At least one subnet is needed."
  }
}

variable "nomad_security_group_id" {
  type        = string
  description = "Nomad's security group, which is opened to the functions. Empty and you open it yourself."
  default     = ""
}

variable "secrets_endpoint" {
  type        = string
  description = "How the functions reach Secrets Manager: create makes an endpoint; none with a NAT, or where there is an endpoint."
  default     = "none"

  validation {
    condition     = contains(["none", "create"], var.secrets_endpoint)
    error_message = "It is none or create."
  }
}

variable "caller_tokens_secret_arn" {
  type        = string
  description = "The secret that says who may call, by its whole ARN."
}

variable "nomad_token_secret_arn" {
  type        = string
  description = "The secret with Nomad's token, by its whole ARN. Empty if Nomad has no ACLs."
  default     = ""
}

variable "consul_address" {
  type        = string
  description = "The Consul of the plugin: jobs show how far they have come, and ?forget=true works."
  default     = ""
}

variable "alarm_email" {
  type        = string
  description = "Who is told when something is wrong."
  default     = ""
}

# And what Terraform adds.

variable "name" {
  type        = string
  description = "The name of the stack."
  default     = "dtle-api"
}

variable "template_url" {
  type        = string
  description = "The packaged template, in an S3 bucket: https://BUCKET.s3.REGION.amazonaws.com/KEY"
}

variable "release" {
  type        = string
  description = "The name of the release. A new one each time, also when only a parameter changes: without it callers go on with what was deployed before."

  validation {
    condition     = can(regex("^[A-Za-z0-9]{1,10}$", var.release))
    error_message = "It is 1 to 10 letters and digits."
  }
}

variable "parameters" {
  type        = map(string)
  description = "Any other parameter of the template, by its name there: docs/deploy.md lists them."
  default     = {}
}
