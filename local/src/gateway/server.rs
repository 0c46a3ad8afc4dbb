//! The listening half of the gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use lambda_http::Body;
use lambda_http::http::{Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::{BODY_TOO_LARGE, Gateway, LARGEST_BODY, Peer, plain};

/// How many connections may wait to be accepted: of more than that at the same
/// instant, some would be reset.
const WAITING: u32 = 4096;
/// How long requests under way may take to end after a stop: a little longer than the
/// longest of them, a blocking query, which ends with `DTLE_DEADLINE` (28 s by default).
const FAREWELL: Duration = Duration::from_secs(30);
/// How long a client may take to send its headers, and after them its body.
const SENDING: Duration = Duration::from_secs(30);

/// A gateway that is listening. Dropping it stops it without waiting.
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and lets the requests under way end.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(gateway: Gateway, listen: SocketAddr) -> std::io::Result<Server> {
    start(gateway, listen, None)
}

/// Listens for HTTPS.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve_tls(
    gateway: Gateway,
    listen: SocketAddr,
    tls: TlsAcceptor,
) -> std::io::Result<Server> {
    start(gateway, listen, Some(tls))
}

fn start(
    mut gateway: Gateway,
    listen: SocketAddr,
    tls: Option<TlsAcceptor>,
) -> std::io::Result<Server> {
    let socket = if listen.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    let listener = socket.listen(WAITING)?;
    let address = listener.local_addr()?;
    gateway.guard.listens(address, tls.is_some());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(accept(listener, tls, Arc::new(gateway), stopped));
    Ok(Server {
        address,
        stop: Some(stop),
        task,
    })
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    gateway: Arc<Gateway>,
    mut stopped: oneshot::Receiver<()>,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: let some be closed.
                    tracing::warn!(cause = error.to_string(), "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = &mut stopped => break,
        };
        let _ = stream.set_nodelay(true);
        let Ok(stream) = stream.into_std() else {
            continue;
        };
        let gateway = Arc::clone(&gateway);
        let watcher = graceful.watcher();
        let ip = peer.ip().to_string();
        let tls = tls.clone();
        let worker = gateway.workers.next();
        worker.spawn(async move {
            // From here on the connection is this worker's.
            let stream = match TcpStream::from_std(stream) {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(ip, cause = error.to_string(), "cannot use a connection");
                    return;
                }
            };
            let Some(tls) = tls else {
                connection(TokioIo::new(stream), gateway, ip, watcher).await;
                return;
            };
            match tokio::time::timeout(SENDING, tls.accept(stream)).await {
                Ok(Ok(stream)) => connection(TokioIo::new(stream), gateway, ip, watcher).await,
                Ok(Err(error)) => {
                    tracing::debug!(ip, cause = error.to_string(), "TLS handshake");
                }
                Err(_) => tracing::debug!(ip, cause = "timed out", "TLS handshake"),
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
}

async fn connection<I>(io: I, gateway: Arc<Gateway>, ip: String, watcher: Watcher)
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let client = ip.clone();
    let service = service_fn(move |request| {
        let gateway = Arc::clone(&gateway);
        let ip = client.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(gateway, request, ip).await) }
    });
    let connection = http1::Builder::new()
        // As 2.x writes them: old scripts look for `X-Udup-Index`.
        .title_case_headers(true)
        .timer(TokioTimer::new())
        .header_read_timeout(SENDING)
        .serve_connection(io, service);
    if let Err(error) = watcher.watch(connection).await {
        if error.is_parse() {
            // hyper has answered 400 or 431; there is no request to speak of.
            tracing::info!(ip, cause = error.to_string(), "not HTTP");
        } else {
            tracing::debug!(ip, cause = error.to_string(), "connection");
        }
    }
}

async fn answer(
    gateway: Arc<Gateway>,
    request: Request<Incoming>,
    ip: String,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let peer = Peer {
        ip,
        request_id: uuid::Uuid::new_v4().to_string(),
    };
    let began = Instant::now();
    let refused = |response: Response<Body>| {
        gateway.note_refusal(&parts.method, &parts.uri, &peer, &response, began.elapsed());
        to_full(response)
    };
    let body = Limited::new(body, LARGEST_BODY).collect();
    let body = match tokio::time::timeout(SENDING, body).await {
        Err(_) => {
            return refused(plain(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not come in time",
            ));
        }
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return refused(plain(StatusCode::PAYLOAD_TOO_LARGE, BODY_TOO_LARGE));
        }
        Ok(Err(_)) => return refused(plain(StatusCode::BAD_REQUEST, "the body broke off")),
    };
    let waits = parts
        .uri
        .query()
        .is_some_and(|query| query.contains("index="));
    let request = Request::from_parts(parts, body);
    let answer = async move { gateway.answer(request, &peer).await };
    if waits {
        // What nobody waits for any more need not wait for Nomad either.
        return to_full(answer.await);
    }
    // A task of its own goes on when the caller leaves: others may wait for the list
    // that it fills, and a write is not left half checked.
    match tokio::spawn(answer).await {
        Ok(response) => to_full(response),
        Err(_) => to_full(plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error")),
    }
}

fn to_full(response: Response<Body>) -> Response<Full<Bytes>> {
    response.map(|body| {
        Full::new(match body {
            Body::Text(text) => Bytes::from(text),
            Body::Binary(bytes) => Bytes::from(bytes),
            _ => Bytes::new(),
        })
    })
}
