//! Bodies that were built to hurt.

use serde_json::{Value, json};

use crate::Client;
use crate::cluster::job;

/// What each is, the bytes, and the status that answers `POST /v1/jobs` with them; 0 where
/// both taking and refusing it would be right. The job `many-tables` has that many.
#[must_use]
pub fn hostile_bodies(tables: usize) -> Vec<(&'static str, Vec<u8>, u16)> {
    let job_of_tables = {
        let mut job = job("many-tables");
        let list: Vec<Value> = (0..tables)
            .map(|n| json!({"TableName": format!("t{n}")}))
            .collect();
        job["Tasks"][0]["Config"]["ReplicateDoDb"] = json!([{"TableSchema": "db", "Tables": list}]);
        job.to_string().into_bytes()
    };
    let with = |from: &str, to: &str| job("odd").to_string().replacen(from, to, 1).into_bytes();
    let deep = format!(
        "{{\"Name\":{}{}}}",
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    let deep_config = with(
        "\"Gtid\":\"\"",
        &format!("\"X\":{}1{}", "{\"a\":".repeat(100), "}".repeat(100)),
    );
    let filler = |length: usize| {
        let mut job = job("large");
        let used = job.to_string().len() - "name of large".len();
        job["Name"] = json!("x".repeat(length - used));
        job.to_string().into_bytes()
    };
    let long_list = format!("[{}0]", "0,".repeat(1_000_000));
    vec![
        ("nested arrays", deep.into_bytes(), 400),
        ("nested objects in Config", deep_config, 0),
        ("a huge number", with("\"3306\"", "1e999"), 0),
        ("a long number", with("\"3306\"", &"9".repeat(10_000)), 0),
        ("not a number", with("\"3306\"", "NaN"), 400),
        (
            "invalid UTF-8",
            [&b"{\"Name\":\""[..], &[0xff, 0xfe], b"\"}"].concat(),
            400,
        ),
        ("half a surrogate", with("name of odd", "\\ud800"), 400),
        ("a null character", with("name of odd", "\\u0000"), 0),
        (
            "a key twice",
            with("\"ID\":\"odd\"", "\"ID\":\"odd\",\"ID\":\"other\""),
            0,
        ),
        ("a million numbers", long_list.into_bytes(), 400),
        ("many tables", job_of_tables, 200),
        ("4 MiB exactly", filler(4 << 20), 0),
        ("one byte more", filler((4 << 20) + 1), 413),
        ("six million and one", vec![b'['; 6_000_001], 413),
    ]
}

/// How many tables the job `many-tables` has when it is read.
///
/// # Panics
/// When there is no such job.
pub async fn tables_read(api: &Client) -> Option<usize> {
    let read = api.get("/v1/job/many-tables").await.ok();
    let tables = &read["Tasks"][0]["Config"]["ReplicateDoDb"][0]["Tables"];
    tables.as_array().map(Vec::len)
}
