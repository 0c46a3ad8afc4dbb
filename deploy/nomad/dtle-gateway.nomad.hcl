# The gateway as a Nomad job, two instances of it, on Nomad from 1.7 on.
# dtle-gateway-1.1.nomad.hcl is the same for older ones, back to 1.1.
# docs/nomad.md says what has to be there before; then
#
#   nomad job run -var nomad_addr=http://10.0.1.5:4646,http://10.0.2.5:4646 \
#     deploy/nomad/dtle-gateway.nomad.hcl

variable "nomad_addr" {
  type        = string
  description = "Nomad's servers, as many as there are, separated by commas."
}

variable "consul_addr" {
  type        = string
  description = "The Consul of the plugin: jobs show how far they have come, and ?forget=true works."
  default     = ""
}

variable "nomad_token_file" {
  type        = string
  description = "A file with Nomad's token on every node, in place of the job's own identity."
  default     = ""
}

variable "namespace" {
  type        = string
  description = "The namespace of dtle's jobs; the gateway itself may run in another."
  default     = "default"
}

variable "datacenters" {
  type        = list(string)
  description = "Where instances may run."
  default     = ["dc1"]
}

variable "port" {
  type        = number
  description = "The port on every node; 0 lets Nomad choose one, and then both instances may share a node."
  default     = 8190
}

variable "driver" {
  type        = string
  description = "`exec`, or `raw_exec` where Nomad does not run as root."
  default     = "exec"
}

variable "user" {
  type        = string
  description = "Who the gateway runs as. It has to be able to read the files that are named here."
  default     = "nobody"
}

variable "command" {
  type        = string
  description = "The program: on every node, or `local/dtle-gateway` with an artifact."
  default     = "/usr/local/bin/dtle-gateway"
}

variable "artifact" {
  type        = string
  description = "Where Nomad fetches the program: an archive with `dtle-gateway` in it. None if it is on every node."
  default     = ""
}

variable "artifact_checksum" {
  type        = string
  description = "`sha256:` and the archive's checksum."
  default     = ""
}

variable "release" {
  type        = string
  description = "Any text. A new one replaces the instances, where the program behind `command` is a new one."
  default     = ""
}

variable "tls" {
  type        = bool
  description = "Serve HTTPS with the certificate `tls_cert` and the private key `tls_key` of the job's Nomad variable."
  default     = false
}

variable "service_provider" {
  type        = string
  description = "Where the service is registered: `nomad` or `consul`."
  default     = "consul"
}

variable "settings" {
  type        = map(string)
  description = "Any other setting of the gateway: NOMAD_CACERT, DTLE_TASK_MEMORY and so on."
  default     = {}
}

job "dtle-gateway" {
  datacenters = var.datacenters
  type        = "service"

  # One instance after the other. The next one waits until the new one answers, and a
  # release that does not come up gives way to the one before: at once, as there is no
  # progress_deadline, with which Nomad waits for its end.
  update {
    max_parallel      = 1
    health_check      = "checks"
    min_healthy_time  = "5s"
    healthy_deadline  = "2m"
    progress_deadline = "0s"
    auto_revert       = true
  }

  group "gateway" {
    count = 2

    # With a port of its own an instance needs a node of its own.
    dynamic "constraint" {
      for_each = var.port == 0 ? [] : [var.port]
      content {
        operator = "distinct_hosts"
        value    = "true"
      }
    }

    # A gateway that cannot start is tried again for ever: what it lacks may come.
    restart {
      attempts = 5
      interval = "5m"
      delay    = "10s"
      mode     = "delay"
    }

    network {
      port "http" {
        static = var.port
      }
    }

    task "gateway" {
      driver = var.driver
      user   = var.user

      # The task's, not the group's: on the list once the task runs. Nomad's own list does
      # not wait for the check, and the group's services are on it before the task starts.
      service {
        name     = "dtle-gateway"
        port     = "http"
        provider = var.service_provider

        # Nomad answers and has a leader.
        check {
          type            = "http"
          protocol        = var.tls ? "https" : "http"
          tls_skip_verify = true
          path            = "/health"
          interval        = "5s"
          timeout         = "4s"
        }
      }

      # Off the list of the service first, and stopped only when callers have noticed.
      shutdown_delay = "10s"

      # At SIGTERM it takes no new connections and answers what is under way, blocking
      # queries of up to 28 s too. Nomad's clients allow 30 s (max_kill_timeout).
      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      dynamic "artifact" {
        for_each = var.artifact == "" ? [] : [var.artifact]
        content {
          source      = artifact.value
          destination = "local"
          options {
            checksum = var.artifact_checksum
          }
        }
      }

      config {
        command = var.command
        args = concat(
          ["--listen", "${NOMAD_ADDR_http}", "--tokens", "${NOMAD_SECRETS_DIR}/tokens.json"],
          var.tls ? ["--tls-cert", "${NOMAD_SECRETS_DIR}/tls.pem", "--tls-key", "${NOMAD_SECRETS_DIR}/tls-key.pem"] : [],
        )
      }

      # The token is this job's own identity: no secret to keep, and what it may do is the
      # policy that is applied with -job.
      identity {
        file = true
      }

      env = merge({
        NOMAD_ADDR       = var.nomad_addr
        NOMAD_NAMESPACE  = var.namespace
        NOMAD_TOKEN_FILE = var.nomad_token_file != "" ? var.nomad_token_file : "${NOMAD_SECRETS_DIR}/nomad_token"
        CONSUL_HTTP_ADDR = var.consul_addr
        DTLE_LOG_FORMAT  = "json"
      }, var.settings)

      meta {
        release = var.release
      }

      # Hashes only. The gateway reads the file again by itself when it changes.
      template {
        destination = "${NOMAD_SECRETS_DIR}/tokens.json"
        change_mode = "noop"
        data        = <<-EOT
          {{ with nomadVar (print "nomad/jobs/" (env "NOMAD_JOB_ID")) }}{{ .tokens }}{{ end }}
        EOT
      }

      dynamic "template" {
        for_each = var.tls ? { tls_cert = "tls.pem", tls_key = "tls-key.pem" } : {}
        content {
          destination = "${NOMAD_SECRETS_DIR}/${template.value}"
          change_mode = "restart"
          splay       = "2m"
          data        = <<-EOT
            {{ with nomadVar (print "nomad/jobs/" (env "NOMAD_JOB_ID")) }}{{ .${template.key} }}{{ end }}
          EOT
        }
      }

      resources {
        cpu    = 200
        memory = 128
      }
    }
  }
}
