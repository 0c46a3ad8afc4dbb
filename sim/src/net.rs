//! Connections that can be cut.
//!
//! A handler cannot close the connection it answers on, and a server that is
//! dropped leaves its connections to their tasks. Both are needed here: a
//! fault drops a connection in the middle of an exchange, and the end of the
//! simulation must look like the end of a process. So the listener hands out
//! connections that know a switch.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// The switch of one connection.
#[derive(Debug, Default)]
struct Switch {
    cut: AtomicBool,
    reader: Mutex<Option<Waker>>,
}

/// A handle on the connection a request came in on.
#[derive(Debug, Clone)]
pub(crate) struct Cut(Arc<Switch>);

impl Cut {
    /// Cuts the connection: nothing more is read from it or written to it.
    pub(crate) fn cut(&self) {
        self.0.cut.store(true, Ordering::SeqCst);
        let waker = self
            .0
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// All open connections of a server, to cut them together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections(Arc<Mutex<Vec<Weak<Switch>>>>);

impl Connections {
    fn add(&self, switch: &Arc<Switch>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() % 256 == 255 {
            all.retain(|switch| switch.strong_count() > 0);
        }
        all.push(Arc::downgrade(switch));
    }

    /// Cuts every connection.
    pub(crate) fn cut_all(&self) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for switch in all.iter().filter_map(Weak::upgrade) {
            Cut(switch).cut();
        }
    }
}

/// A listener whose connections can be cut.
#[derive(Debug)]
pub(crate) struct CutListener {
    inner: TcpListener,
    connections: Connections,
}

impl CutListener {
    pub(crate) fn new(inner: TcpListener, connections: Connections) -> Self {
        Self { inner, connections }
    }
}

impl Listener for CutListener {
    type Io = CutStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (CutStream, SocketAddr) {
        loop {
            match self.inner.accept().await {
                Ok((stream, address)) => {
                    // Answers are single writes; waiting to fill a packet
                    // would only add delay.
                    let _best_effort = stream.set_nodelay(true);
                    let switch = Arc::new(Switch::default());
                    self.connections.add(&switch);
                    return (CutStream { stream, switch }, address);
                }
                // Out of descriptors, or the peer is gone already.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl Connected<IncomingStream<'_, CutListener>> for Cut {
    fn connect_info(stream: IncomingStream<'_, CutListener>) -> Self {
        Self(Arc::clone(&stream.io().switch))
    }
}

/// A connection with a switch.
#[derive(Debug)]
pub(crate) struct CutStream {
    stream: TcpStream,
    switch: Arc<Switch>,
}

impl CutStream {
    fn check(&self) -> io::Result<()> {
        if self.switch.cut.load(Ordering::SeqCst) {
            Err(io::Error::from(io::ErrorKind::ConnectionAborted))
        } else {
            Ok(())
        }
    }
}

impl AsyncRead for CutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if outcome.is_pending() {
            let mut reader = self
                .switch
                .reader
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if !reader
                .as_ref()
                .is_some_and(|waker| waker.will_wake(cx.waker()))
            {
                *reader = Some(cx.waker().clone());
            }
            drop(reader);
            // It may have been cut between the check and the waker.
            self.check()?;
        }
        outcome
    }
}

impl AsyncWrite for CutStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
