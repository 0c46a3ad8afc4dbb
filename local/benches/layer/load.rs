//! The load: kept HTTP/1.1 connections, each asking one question after another.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::Outcome;

/// A question, and the status of its answer.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    body: Bytes,
    gzip: bool,
    expected: u16,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            body: Bytes::new(),
            gzip: false,
            expected: 200,
        }
    }

    pub(crate) fn write(method: Method, path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            method,
            body: body.into(),
            ..Self::get(path)
        }
    }

    /// An answer with another status is expected: the dtle driver's statistics
    /// come as a 500.
    pub(crate) fn expecting(mut self, status: u16) -> Self {
        self.expected = status;
        self
    }

    pub(crate) fn with_gzip(mut self) -> Self {
        self.gzip = true;
        self
    }
}

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    For(Duration),
    Times(u64),
}

/// What a run brought.
pub(crate) struct Run {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    /// The size of the last answer's body.
    pub(crate) bytes: usize,
    /// Microseconds.
    latency: Histogram<u64>,
}

impl Run {
    /// Milliseconds at a quantile.
    pub(crate) fn millis(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }
}

struct Shared {
    left: Cell<u64>,
    until: Option<Instant>,
    latency: std::cell::RefCell<Histogram<u64>>,
    requests: Cell<u64>,
    bytes: Cell<usize>,
}

/// Asks over so many connections. Connection `i` asks the questions of row `i`,
/// rows and questions beginning anew when they end; a single row is shared, so
/// that each of its questions is asked once before any is asked again.
pub(crate) async fn run(
    address: SocketAddr,
    rows: &[Vec<Ask>],
    connections: usize,
    amount: Amount,
) -> Outcome<Run> {
    let mut senders = Vec::new();
    for _ in 0..connections {
        senders.push(connect(address).await?);
    }
    let began = Instant::now();
    let shared = Rc::new(Shared {
        left: Cell::new(match amount {
            Amount::Times(times) => times,
            Amount::For(_) => u64::MAX,
        }),
        until: match amount {
            Amount::For(time) => Some(began + time),
            Amount::Times(_) => None,
        },
        latency: std::cell::RefCell::new(Histogram::new_with_bounds(1, 600_000_000, 3)?),
        requests: Cell::new(0),
        bytes: Cell::new(0),
    });
    let next = Rc::new(Cell::new(0));
    let local = LocalSet::new();
    let mut workers = Vec::new();
    for (position, sender) in senders.into_iter().enumerate() {
        let (row, turn) = match rows {
            [] => return Err("nothing to ask".into()),
            [row] => (row.clone(), Rc::clone(&next)),
            rows => {
                let row = rows.get(position % rows.len()).cloned().unwrap_or_default();
                (row, Rc::new(Cell::new(0)))
            }
        };
        workers.push(local.spawn_local(work(sender, row, turn, Rc::clone(&shared))));
    }
    local
        .run_until(async {
            for worker in workers {
                worker.await??;
            }
            Outcome::Ok(())
        })
        .await?;
    let latency = shared.latency.borrow().clone();
    Ok(Run {
        requests: shared.requests.get(),
        seconds: began.elapsed().as_secs_f64(),
        bytes: shared.bytes.get(),
        latency,
    })
}

async fn connect(address: SocketAddr) -> Outcome<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn work(
    mut sender: SendRequest<Full<Bytes>>,
    row: Vec<Ask>,
    turn: Rc<Cell<usize>>,
    shared: Rc<Shared>,
) -> Outcome<()> {
    loop {
        if shared.left.get() == 0 || shared.until.is_some_and(|until| Instant::now() >= until) {
            return Ok(());
        }
        shared.left.set(shared.left.get() - 1);
        let position = turn.get();
        turn.set(position.wrapping_add(1));
        let Some(ask) = row.get(position % row.len().max(1)) else {
            return Err("nothing to ask".into());
        };
        let began = Instant::now();
        let (status, body) = exchange(&mut sender, ask).await?;
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        if status != ask.expected {
            let text = String::from_utf8_lossy(body.get(..300).unwrap_or(&body)).into_owned();
            return Err(format!("{} {}: {status} {text}", ask.method, ask.path).into());
        }
        shared.latency.borrow_mut().saturating_record(micros);
        shared.requests.set(shared.requests.get() + 1);
        shared.bytes.set(body.len());
    }
}

async fn exchange(sender: &mut SendRequest<Full<Bytes>>, ask: &Ask) -> Outcome<(u16, Bytes)> {
    let mut request = Request::builder()
        .method(ask.method.clone())
        .uri(&ask.path)
        .header(header::HOST, "localhost");
    if ask.gzip {
        request = request.header(header::ACCEPT_ENCODING, "gzip");
    }
    if !ask.body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    sender.ready().await?;
    let response = sender
        .send_request(request.body(Full::new(ask.body.clone()))?)
        .await?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

/// One question on a connection of its own, for setting things up.
pub(crate) async fn ask(address: SocketAddr, ask: &Ask) -> Outcome<Bytes> {
    let mut sender = connect(address).await?;
    let (status, body) = exchange(&mut sender, ask).await?;
    if status == ask.expected {
        Ok(body)
    } else {
        let text = String::from_utf8_lossy(&body).into_owned();
        Err(format!("{} {}: {status} {text}", ask.method, ask.path).into())
    }
}
