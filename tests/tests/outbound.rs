//! Calls to Nomad, Consul and Secrets Manager whose other side misbehaves: sends
//! them elsewhere, or an answer that has no end.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that meets something odd should stop and say so"
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dtle_api::outbound::consul::Consul;
use dtle_api::outbound::credential::Credential;
use dtle_api::outbound::secrets::Manager;
use dtle_api::settings::Settings;
use dtle_nomad::Client;
use dtle_outbound::{Secret, TokenSource};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const TOKEN: &str = "3e1c-token-of-the-gateway";
const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-AbCdEf";

/// The largest answer that any of the three may read, in bytes, and what the
/// system's buffers may hold beyond it.
const BOUND: u64 = (64 + 16) << 20;

/// What a server answers to everything.
#[derive(Clone)]
enum Answers {
    /// 307 to that address.
    Redirect(String),
    /// 200, and a body that announces ten gigabytes.
    Announced,
    /// 200, and chunks without an end.
    Endless,
}

/// A server on a port of its own.
struct Server {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicU64>,
}

impl Server {
    async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            heads: Arc::default(),
            sent: Arc::default(),
        };
        let (heads, sent) = (Arc::clone(&server.heads), Arc::clone(&server.sent));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (heads, sent) = (Arc::clone(&heads), Arc::clone(&sent));
                tokio::spawn(answer(stream, answers.clone(), heads, sent));
            }
        });
        server
    }

    /// The heads of the requests that came.
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn answer(
    mut stream: TcpStream,
    answers: Answers,
    heads: Arc<Mutex<Vec<String>>>,
    sent: Arc<AtomicU64>,
) {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(length @ 1..) => head.extend_from_slice(&piece[..length]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    heads.lock().unwrap().push(head);
    let reply = match &answers {
        Answers::Redirect(to) => format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}{path}\r\nContent-Length: 0\r\n\r\n"
        ),
        Answers::Announced => {
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n["
                .to_owned()
        }
        Answers::Endless => {
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                .to_owned()
        }
    };
    if stream.write_all(reply.as_bytes()).await.is_err() {
        return;
    }
    match answers {
        Answers::Endless => {
            let chunk = [b"10000\r\n".as_slice(), &[b' '; 1 << 16], b"\r\n"].concat();
            while stream.write_all(&chunk).await.is_ok() {
                sent.fetch_add(1 << 16, Ordering::Relaxed);
            }
        }
        // The body never comes; the other side hangs up.
        _ => {
            let _ = stream.read(&mut [0; 16]).await;
        }
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
enum Calls {
    Nomad,
    Consul,
    SecretsManager,
}

const ALL: [Calls; 3] = [Calls::Nomad, Calls::Consul, Calls::SecretsManager];

impl Calls {
    /// What its failure says. Anything but a failure is one of the test.
    async fn fails_at(self, url: &str) -> String {
        let settings = Settings::from_lookup(|name| match name {
            "NOMAD_ADDR" | "CONSUL_HTTP_ADDR" => Some(url.to_owned()),
            "NOMAD_TOKEN" | "CONSUL_HTTP_TOKEN" => Some(TOKEN.to_owned()),
            _ => None,
        })
        .unwrap();
        match self {
            Self::Nomad => {
                let token: Arc<dyn TokenSource> = Arc::new(Credential::Fixed(Secret::new(TOKEN)));
                let client = Client::new(&settings.nomad, Some(token)).unwrap();
                let session = client.session(Instant::now() + Duration::from_secs(5));
                session.leader().await.unwrap_err().to_string()
            }
            Self::Consul => {
                let token = Arc::new(Credential::Fixed(Secret::new(TOKEN)));
                let consul = Consul::new(
                    &settings.consul.unwrap(),
                    Some(token),
                    dtle_nomad::Process::Gateway,
                )
                .unwrap();
                consul.progress("x").await.unwrap_err().to_string()
            }
            Self::SecretsManager => {
                // The address comes out of the environment, which is a process's own.
                let output = tokio::process::Command::new(std::env::current_exe().unwrap())
                    .args([
                        "--exact",
                        "secrets_manager_alone",
                        "--ignored",
                        "--nocapture",
                    ])
                    .env("AWS_ENDPOINT_URL", url)
                    .env("AWS_REGION", "eu-central-1")
                    .env("AWS_ACCESS_KEY_ID", "none")
                    .env("AWS_SECRET_ACCESS_KEY", TOKEN)
                    .output()
                    .await
                    .unwrap();
                let text = String::from_utf8(output.stdout).unwrap();
                let line = text.lines().find(|line| line.contains(ARN));
                line.unwrap_or_else(|| panic!("{text}")).to_owned()
            }
        }
    }

    /// What names the token, where the token itself is sent.
    fn header(self) -> &'static str {
        match self {
            Self::Nomad => "x-nomad-token",
            Self::Consul => "x-consul-token",
            Self::SecretsManager => "authorization",
        }
    }
}

#[tokio::test]
#[ignore = "a part of the tests below, run as a process with an environment of its own"]
async fn secrets_manager_alone() {
    let error = Manager::default().source(ARN).get().await.unwrap_err();
    println!("{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_redirect_is_followed_and_no_token_goes_to_another_host() {
    for calls in ALL {
        let other = Server::start(Answers::Announced).await;
        let server = Server::start(Answers::Redirect(other.url.clone())).await;
        let text = calls.fails_at(&server.url).await;
        let expected = format!("a redirect (307) to {}, which is not followed", other.url);
        assert!(text.contains(&expected), "{calls:?}: {text}");
        assert!(!text.contains(TOKEN), "{calls:?}: {text}");
        assert_eq!(other.heads(), Vec::<String>::new(), "{calls:?}");
        // It was sent where it belongs.
        let head = server.heads()[0].to_ascii_lowercase();
        assert!(head.contains(calls.header()), "{calls:?}: {head}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_announced_too_large_is_not_read() {
    for calls in ALL {
        let server = Server::start(Answers::Announced).await;
        let text = calls.fails_at(&server.url).await;
        assert!(text.contains("more than "), "{calls:?}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_without_an_end_is_left_at_the_bound() {
    for calls in ALL {
        let server = Server::start(Answers::Endless).await;
        let text = calls.fails_at(&server.url).await;
        // On a slow machine the time is up before the bound is reached.
        assert!(
            text.contains("more than ") || text.contains("timed out"),
            "{calls:?}: {text}"
        );
        let asked = server.heads().len() as u64;
        let sent = server.sent.load(Ordering::Relaxed);
        assert!(
            sent <= asked * BOUND,
            "{calls:?}: {sent} bytes, asked {asked} times"
        );
    }
}
