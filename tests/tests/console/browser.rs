//! A browser, and what a reader does with it.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use lambda_http::http::Method;
use reqwest::Url;
use serde_json::{Value, json};
use tests::eventually;

/// Who looks, and with what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// The languages that the browser asks for.
    pub(crate) languages: &'static str,
    /// Whether it is a phone.
    pub(crate) phone: bool,
    /// Whether colours are dark.
    pub(crate) dark: bool,
    /// How many times faster than real the page's own waiting is.
    pub(crate) hurry: u32,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            languages: "en-GB,en",
            phone: false,
            dark: false,
            hurry: 1,
        }
    }
}

impl Reader {
    /// With a phone.
    pub(crate) fn with_a_phone(self) -> Self {
        Self {
            phone: true,
            ..self
        }
    }

    /// In the dark.
    pub(crate) fn in_the_dark(self) -> Self {
        Self { dark: true, ..self }
    }

    /// Who reads Chinese.
    pub(crate) fn of_chinese(self) -> Self {
        Self {
            languages: "zh-CN,zh",
            ..self
        }
    }

    /// For whom ten seconds pass in a tenth of one.
    pub(crate) fn in_a_hurry(self) -> Self {
        Self { hurry: 100, ..self }
    }
}

/// A browser at the console. It ends with this.
pub(crate) struct Browser {
    driver: Client,
    _session: Session,
    home: String,
}

/// A command of chromium's driver that the standard does not have: its path below the
/// session's, and what it is told.
#[derive(Debug)]
struct OfChromium(&'static str, Value);

impl WebDriverCompatibleCommand for OfChromium {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as FromStr>::Err> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/{}", self.0))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.1.to_string()))
    }
}

impl Browser {
    /// Opens a page of the console, such as `#/cluster`.
    pub(crate) async fn open(reader: Reader, home: &str, page: &str) -> Self {
        let process = start();
        let mut options = json!({
            "args": [
                "--headless=new",
                // Root may not have one.
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--hide-scrollbars",
                "--force-device-scale-factor=1",
                "--window-size=1440,900",
            ],
            "prefs": {"intl.accept_languages": reader.languages},
        });
        if reader.phone {
            options["mobileEmulation"] = json!({"deviceMetrics": {
                "width": 390, "height": 844, "pixelRatio": 1.0, "touch": true,
            }});
        }
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let driver = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{}", process.port))
            .await
            .expect("chromium");
        let id = driver.session_id().await.unwrap().expect("a session");
        let browser = Self {
            driver,
            _session: Session { id, process },
            home: home.to_owned(),
        };
        let scheme = if reader.dark { "dark" } else { "light" };
        browser
            .devtools(
                "Emulation.setEmulatedMedia",
                json!({"features": [
                    {"name": "prefers-color-scheme", "value": scheme},
                    {"name": "prefers-reduced-motion", "value": "reduce"},
                ]}),
            )
            .await;
        let first = format!(
            "window.addEventListener('securitypolicyviolation', event => {{
               (window.violations ||= []).push(event.violatedDirective + ' ' + event.blockedURI);
             }});
             const wait = window.setTimeout;
             window.setTimeout = (what, ms) => wait(what, ms / {});",
            reader.hurry
        );
        browser
            .devtools(
                "Page.addScriptToEvaluateOnNewDocument",
                json!({"source": first}),
            )
            .await;
        browser.visit(page).await;
        browser
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let told = json!({"cmd": command, "params": parameters});
        let answer = self.driver.issue_cmd(OfChromium("goog/cdp/execute", told));
        let answer = answer.await;
        answer.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Goes to a page of the console.
    pub(crate) async fn visit(&self, page: &str) {
        let address = format!("{}/{page}", self.home);
        self.driver.goto(&address).await.expect("a page");
    }

    /// What a script of the test returns; its function gets these arguments.
    pub(crate) async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        let answer = self.driver.execute(script, arguments).await;
        answer.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The same, of a script that calls its last argument when it is done.
    pub(crate) async fn run_slowly(&self, script: &str, arguments: Vec<Value>) -> Value {
        let answer = self.driver.execute_async(script, arguments).await;
        answer.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// What a reader sees, as a text.
    pub(crate) async fn text(&self) -> String {
        let text = self.run("return document.body.innerText", vec![]).await;
        text.as_str().unwrap().to_owned()
    }

    /// Waits until a reader sees these texts.
    pub(crate) async fn sees(&self, texts: &[&str]) {
        for text in texts {
            eventually(&format!("{text:?} on the screen"), async || {
                let seen = self.text().await;
                if seen.contains(text) {
                    Ok(())
                } else {
                    Err(seen)
                }
            })
            .await;
        }
    }

    /// Waits until a reader sees this no more.
    pub(crate) async fn loses(&self, text: &str) {
        eventually(&format!("{text:?} off the screen"), async || {
            let seen = self.text().await;
            if seen.contains(text) {
                Err(seen)
            } else {
                Ok(())
            }
        })
        .await;
    }

    /// Waits for what a script returns to be this.
    pub(crate) async fn comes_to(&self, script: &str, expected: &Value) {
        eventually(script, async || {
            let found = self.run(script, vec![]).await;
            if found == *expected {
                Ok(())
            } else {
                Err(found)
            }
        })
        .await;
    }

    /// Waits for an element.
    pub(crate) async fn element(&self, selector: &str) -> Element {
        eventually(selector, async || {
            let found = self.driver.find(Locator::Css(selector)).await;
            found.map_err(|error| error.to_string())
        })
        .await
    }

    /// Presses a button or a link by what stands on it.
    pub(crate) async fn presses(&self, text: &str) {
        let path = format!(
            "//*[self::button or self::a or self::summary][normalize-space()='{text}'][not(@disabled)]"
        );
        eventually(&format!("a press of {text:?}"), async || {
            let found = self
                .driver
                .find(Locator::XPath(&path))
                .await
                .map_err(shown)?;
            found.click().await.map_err(shown)
        })
        .await;
    }

    /// Writes into a field.
    pub(crate) async fn writes(&self, selector: &str, text: &str) {
        let field = self.element(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Puts a text into the editor at once, as a paste does.
    pub(crate) async fn pastes(&self, text: &str) {
        self.element("#draft").await;
        let script = "const box = document.getElementById('draft');
                      box.value = arguments[0];
                      box.dispatchEvent(new Event('input', { bubbles: true }))";
        self.run(script, vec![json!(text)]).await;
    }

    /// Makes another tab, behind which the console is hidden.
    pub(crate) async fn looks_elsewhere(&self) {
        let tab = self.driver.new_window(true).await.unwrap();
        self.driver.switch_to_window(tab.handle).await.unwrap();
    }

    /// Closes that tab again.
    pub(crate) async fn looks_back(&self) {
        self.driver.close_window().await.unwrap();
        let [console] = &self.driver.windows().await.unwrap()[..] else {
            panic!("one window is left")
        };
        self.driver.switch_to_window(console.clone()).await.unwrap();
    }

    /// Loads the page anew.
    pub(crate) async fn reloads(&self) {
        self.driver.refresh().await.unwrap();
    }

    /// The title of the tab.
    pub(crate) async fn title(&self) -> String {
        self.driver.title().await.unwrap()
    }

    /// What stands in the address bar.
    pub(crate) async fn address(&self) -> String {
        self.driver.current_url().await.unwrap().to_string()
    }

    /// Makes the page so large, in pixels.
    pub(crate) async fn is_sized(&self, width: u32, height: u32) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    /// A picture of what a reader sees, as PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        self.driver.screenshot().await.unwrap()
    }

    /// Checks that nothing went wrong in the page itself: no error of its script, nothing
    /// that its policy had to stop. Answers of the API that are errors are noted by the
    /// browser too, and are none of the page's.
    pub(crate) async fn was_calm(&self) {
        let log = OfChromium("se/log", json!({"type": "browser"}));
        let log = self.driver.issue_cmd(log).await.unwrap();
        let odd: Vec<&str> = log
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["message"].as_str().unwrap())
            .filter(|text| !text.contains("Failed to load resource"))
            .collect();
        assert!(odd.is_empty(), "{odd:#?}");
        let stopped = self.run("return window.violations || []", vec![]).await;
        assert_eq!(stopped, json!([]));
    }
}

fn shown(error: impl Display) -> String {
    error.to_string()
}

/// Chromium's driver. It ends with this.
struct DriverProcess {
    child: Child,
    port: u16,
}

impl Drop for DriverProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A browser's session with its driver, which closes the browser when it is told that the
/// session ends, and in no other case.
struct Session {
    id: String,
    // Dropped after this has told it.
    process: DriverProcess,
}

impl Drop for Session {
    fn drop(&mut self) {
        // A test that fails ends here too, where nothing can be awaited.
        let tell = || -> std::io::Result<()> {
            let mut driver = TcpStream::connect(("127.0.0.1", self.process.port))?;
            driver.set_read_timeout(Some(Duration::from_secs(30)))?;
            let id = &self.id;
            write!(
                driver,
                "DELETE /session/{id} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            )?;
            // It answers when the browser is gone.
            driver.read_to_end(&mut Vec::new()).map(drop)
        };
        let _ = tell();
    }
}

/// Starts chromium's driver on a port of its own choice. It ends when somebody takes
/// that port between its two looks at it, for IPv6 and IPv4.
fn start() -> DriverProcess {
    let started = (0..5).find_map(|_| start_once());
    started.expect("chromedriver takes a port")
}

fn start_once() -> Option<DriverProcess> {
    let mut child = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver: apt-get install chromium chromium-driver");
    let output = child.stdout.take().unwrap();
    let mut process = DriverProcess { child, port: 0 };
    let mut lines = BufReader::new(output).lines();
    process.port = lines.by_ref().map(Result::unwrap).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    })?;
    // What else it says has to go somewhere.
    std::thread::spawn(move || lines.for_each(drop));
    Some(process)
}

/// For what must not happen: time in which it would have.
pub(crate) async fn while_nothing_happens() {
    tokio::time::sleep(Duration::from_secs(2)).await;
}
