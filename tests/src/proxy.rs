//! A server of Nomad's that things happen to: a proxy that can refuse, reset,
//! stall, truncate, answer something else, and lose the connections it keeps.
//!
//! It speaks just enough HTTP/1.1 to know where a request ends, so that it can
//! say how often each was received and how often one went on to Nomad.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to a request, or to its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset before the request went on.
    Reset,
    /// The connection is reset after the request was carried out.
    ResetAfter,
    /// Silence; the request does not go on.
    Stall,
    /// The request is carried out, and then silence.
    StallAfter,
    /// The request is carried out, and half of the answer sent.
    Truncate,
    /// The request goes on after that time.
    Delay(Duration),
    /// The request goes on to another server, after that time.
    By(SocketAddr, Duration),
    /// Another answer: status, content type, body. The request does not go on.
    Answer(u16, &'static str, &'static str),
    /// Another answer, after the request was carried out.
    AnswerAfter(u16, &'static str, &'static str),
    /// One text of the answer is replaced by another.
    Replace(&'static str, &'static str),
    /// Bytes of the answer are changed, which ones decided by this number.
    Garble(u64),
}

/// Which requests a fault happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those that may change something, and the signal.
    Writes,
    /// Reads of one job.
    OneJob,
}

/// A request that was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: String,
    /// Path and query, as they came.
    pub target: String,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it went on to Nomad.
    pub passed: bool,
}

struct Shared {
    upstream: Mutex<SocketAddr>,
    fault: Mutex<Option<(Fault, Which, u64)>>,
    log: Mutex<Vec<Received>>,
    /// Connections accepted before this count have no way on any more.
    dead_before: watch::Sender<(u64, bool)>,
    accepted: AtomicU64,
    open: AtomicU64,
    most_open: AtomicU64,
}

/// A proxy in front of a Nomad.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.refuse();
        self.lose_connections(false);
    }
}

impl Proxy {
    /// In front of that Nomad, on a port of its own.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            fault: Mutex::new(None),
            log: Mutex::new(Vec::new()),
            dead_before: watch::Sender::new((0, false)),
            accepted: AtomicU64::new(0),
            open: AtomicU64::new(0),
            most_open: AtomicU64::new(0),
        });
        let accepting = Some(tokio::spawn(accept(listener, Arc::clone(&shared))));
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// Its address, as NOMAD_ADDR wants it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Something happens to every such request from now on.
    pub fn set(&self, fault: Fault, which: Which) {
        self.set_next(u64::MAX, fault, which);
    }

    /// Something happens to the next few such requests.
    ///
    /// # Panics
    /// Never.
    pub fn set_next(&self, times: u64, fault: Fault, which: Which) {
        *self.shared.fault.lock().unwrap() = Some((fault, which, times));
    }

    /// From now on another server stands behind it.
    ///
    /// # Panics
    /// Never.
    pub fn lead_to(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock().unwrap() = upstream;
    }

    /// All is well again, but for refused connections.
    ///
    /// # Panics
    /// Never.
    pub fn clear(&self) {
        *self.shared.fault.lock().unwrap() = None;
    }

    /// Nobody listens any more; open connections are reset.
    pub fn refuse(&mut self) {
        if let Some(task) = self.accepting.take() {
            task.abort();
        }
        self.lose_connections(false);
    }

    /// Somebody listens again.
    ///
    /// # Panics
    /// When the port is taken.
    pub async fn listen(&mut self) {
        if self.accepting.is_some() {
            return;
        }
        for _ in 0..100 {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            if socket.bind(self.address).is_ok() {
                let listener = socket.listen(1024).unwrap();
                self.accepting = Some(tokio::spawn(accept(listener, Arc::clone(&self.shared))));
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} is taken", self.address);
    }

    /// The connections that are open now die: reset, or `silently`, without a
    /// sign to the other side.
    pub fn lose_connections(&self, silently: bool) {
        let before = self.shared.accepted.load(Ordering::SeqCst);
        self.shared.dead_before.send_replace((before, silently));
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many connections were open at the same time, at most.
    #[must_use]
    pub fn most_connections(&self) -> u64 {
        self.shared.most_open.load(Ordering::SeqCst)
    }

    /// What was received, oldest first.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn log(&self) -> Vec<Received> {
        self.shared.log.lock().unwrap().clone()
    }

    /// Forgets what was received.
    ///
    /// # Panics
    /// Never.
    pub fn forget(&self) {
        self.shared.log.lock().unwrap().clear();
    }

    /// How many requests of that method and path were received, and how many
    /// went on.
    #[must_use]
    pub fn count(&self, method: &str, path: &str) -> (usize, usize) {
        let log = self.log();
        let of = log
            .iter()
            .filter(|one| one.method == method && one.target.split('?').next() == Some(path));
        (of.clone().count(), of.filter(|one| one.passed).count())
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(&shared);
        let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most_open.fetch_max(open, Ordering::SeqCst);
        tokio::spawn(async move {
            let mut dead = shared.dead_before.subscribe();
            let (mut reader, mut writer) = stream.into_split();
            let served = serve(&mut reader, &mut writer, &shared);
            let end = tokio::select! {
                end = served => end,
                gone = dead.wait_for(|(before, _)| number < *before) => {
                    match gone.map(|gone| gone.1) {
                        Ok(true) => End::Silent,
                        _ => End::Reset,
                    }
                }
            };
            shared.open.fetch_sub(1, Ordering::SeqCst);
            let stream = reader.reunite(writer);
            match (end, stream) {
                (End::Reset, Ok(stream)) => {
                    // No lingering: the other side sees a reset.
                    let _ = stream.set_zero_linger();
                }
                (End::Silent, Ok(stream)) => {
                    tokio::time::sleep(Duration::from_secs(120)).await;
                    drop(stream);
                }
                _ => {}
            }
        });
    }
}

/// How a connection ends.
enum End {
    Closed,
    Reset,
    Silent,
}

async fn serve(
    reader: &mut tokio::net::tcp::OwnedReadHalf,
    writer: &mut tokio::net::tcp::OwnedWriteHalf,
    shared: &Shared,
) -> End {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = message(reader, &mut buffer, false).await else {
            return End::Closed;
        };
        let fault = next_fault(shared, &request);
        let passes = !matches!(fault, Some(Fault::Reset | Fault::Stall | Fault::Answer(..)));
        let position = {
            let mut log = shared.log.lock().unwrap();
            log.push(Received {
                method: request.first(0),
                target: request.first(1),
                body: request.body.clone(),
                passed: false,
            });
            log.len() - 1
        };
        if let Some(Fault::Delay(time) | Fault::By(_, time)) = fault {
            tokio::time::sleep(time).await;
        }
        let mut answer = Vec::new();
        if passes {
            let upstream = match fault {
                Some(Fault::By(other, _)) => other,
                _ => *shared.upstream.lock().unwrap(),
            };
            let Some(whole) = forward(upstream, &request).await else {
                return End::Reset;
            };
            answer = whole;
            if let Some(entry) = shared.log.lock().unwrap().get_mut(position) {
                entry.passed = true;
            }
        }
        match fault {
            None | Some(Fault::Delay(_) | Fault::By(..)) => {}
            Some(Fault::Reset | Fault::ResetAfter) => return End::Reset,
            Some(Fault::Stall | Fault::StallAfter) => return End::Silent,
            Some(Fault::Truncate) => {
                let half = answer.len() - answer.len().min(20) / 2 - 1;
                let _ = writer.write_all(&answer[..half]).await;
                return End::Reset;
            }
            Some(Fault::Answer(status, kind, body) | Fault::AnswerAfter(status, kind, body)) => {
                answer = format!(
                    "HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                )
                .into_bytes();
            }
            Some(Fault::Replace(from, to)) => {
                answer = with_body(&answer, |body| {
                    String::from_utf8_lossy(body).replace(from, to).into_bytes()
                });
            }
            Some(Fault::Garble(seed)) => answer = with_body(&answer, |body| garbled(body, seed)),
        }
        let sent = writer.write_all(&answer).await;
        if sent.is_err() || request.header("connection") == Some("close") {
            return End::Closed;
        }
    }
}

fn next_fault(shared: &Shared, request: &Message) -> Option<Fault> {
    let mut slot = shared.fault.lock().unwrap();
    let (fault, which, left) = slot.as_mut()?;
    let happens = match which {
        Which::All => true,
        Which::Writes => request.first(0) != "GET",
        Which::OneJob => request.first(0) == "GET" && request.first(1).starts_with("/v1/job/"),
    };
    if !happens {
        return None;
    }
    *left = left.checked_sub(1)?;
    Some(fault.clone())
}

/// Sends a request on; the answer with a length, and fit for a kept connection.
async fn forward(upstream: SocketAddr, request: &Message) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream).await.ok()?;
    let mut head = request.head.clone();
    head.truncate(head.len() - 2);
    stream
        .write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())
        .await
        .ok()?;
    stream.write_all(&request.body).await.ok()?;
    let mut buffer = Vec::new();
    let answer = message(&mut stream, &mut buffer, true).await?;
    let kept = answer.head.split("\r\n").filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !["connection", "transfer-encoding", "content-length"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
            && !line.is_empty()
    });
    let head: Vec<&str> = kept.collect();
    let head = head.join("\r\n");
    let mut whole = format!("{head}\r\nContent-Length: {}\r\n\r\n", answer.body.len()).into_bytes();
    whole.extend_from_slice(&answer.body);
    Some(whole)
}

fn with_body(answer: &[u8], change: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let end = end_of_head(answer).unwrap_or(answer.len());
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = change(&answer[end..]);
    let head: Vec<&str> = head
        .split("\r\n")
        .filter(|line| !line.is_empty() && !line.starts_with("Content-Length"))
        .collect();
    let head = head.join("\r\n");
    let mut whole = format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    whole.extend_from_slice(&body);
    whole
}

/// The bytes with a few changed, cut or doubled.
#[must_use]
pub fn garbled(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut random = |below: usize| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (below.max(1) as u64)).unwrap_or(0)
    };
    let mut bytes = bytes.to_vec();
    for _ in 0..=random(4) {
        if bytes.is_empty() {
            break;
        }
        let at = random(bytes.len());
        match random(6) {
            0 => bytes.truncate(at),
            1 => bytes[at] = u8::try_from(random(256)).unwrap_or(0),
            2 => {
                bytes.remove(at);
            }
            3 => bytes.insert(at, b"{}[]\",:0-e\\\xff"[random(12)]),
            4 => {
                // A value becomes another kind of value.
                let values: [&[u8]; 6] = [b"null", b"-1", b"1e999", b"\"\"", b"[]", b"{}"];
                if let Some(colon) = bytes[at..].iter().position(|byte| *byte == b':') {
                    let from = at + colon + 1;
                    let to = bytes[from..]
                        .iter()
                        .position(|byte| matches!(byte, b',' | b'}' | b']'))
                        .map_or(bytes.len(), |length| from + length);
                    bytes.splice(from..to, values[random(6)].iter().copied());
                }
            }
            _ => {
                let end = (at + 1 + random(64)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// A request or an answer.
struct Message {
    /// Everything up to and with the empty line.
    head: String,
    body: Vec<u8>,
}

impl Message {
    /// A word of the first line.
    fn first(&self, position: usize) -> String {
        let line = self.head.split("\r\n").next().unwrap_or_default();
        line.split(' ').nth(position).unwrap_or_default().to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let position = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(position + 4)
}

/// Reads one message; an answer without a length ends with its connection.
async fn message(
    reader: &mut (impl tokio::io::AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    is_answer: bool,
) -> Option<Message> {
    let end = loop {
        if let Some(end) = end_of_head(buffer) {
            break end;
        }
        if reader.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let rest = buffer.split_off(end);
    let head = String::from_utf8_lossy(buffer).into_owned();
    *buffer = rest;
    let mut message = Message {
        head,
        body: Vec::new(),
    };
    let length = message
        .header("content-length")
        .and_then(|l| l.parse().ok());
    if message.header("transfer-encoding") == Some("chunked") {
        loop {
            let line = buffer.windows(2).position(|window| window == b"\r\n");
            let size = line.and_then(|line| {
                let text = std::str::from_utf8(&buffer[..line]).ok()?;
                let size = usize::from_str_radix(text, 16).ok()?;
                (buffer.len() >= line + 4 + size).then_some((line + 2, size))
            });
            if let Some((from, size)) = size {
                message.body.extend_from_slice(&buffer[from..from + size]);
                buffer.drain(..from + size + 2);
                if size == 0 {
                    return Some(message);
                }
            } else if reader.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        }
    }
    match length {
        Some(length) => {
            while buffer.len() < length {
                if reader.read_buf(buffer).await.ok()? == 0 {
                    return None;
                }
            }
            let rest = buffer.split_off(length);
            message.body = std::mem::replace(buffer, rest);
        }
        None if is_answer => {
            while reader.read_buf(buffer).await.ok()? > 0 {}
            message.body = std::mem::take(buffer);
        }
        None => {}
    }
    Some(message)
}
