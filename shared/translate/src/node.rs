//! Nodes.

use std::collections::BTreeMap;

use crate::v2;
use crate::wire::{Node, NodeStub};

/// A node in a list; `http_addr` is `ip:port`, which Nomad's list leaves out.
#[must_use]
pub fn to_stub(node: &NodeStub, http_addr: String) -> v2::NodeStub {
    v2::NodeStub {
        create_index: node.create_index,
        datacenter: node.datacenter.clone(),
        http_addr,
        id: node.id.clone(),
        modify_index: node.modify_index,
        name: node.name.clone(),
        status: node.status.clone(),
        status_description: node.status_description.clone(),
    }
}

/// A node, whole. Where its NATS server listens is known to the plugin alone.
#[must_use]
pub fn to_v2(node: &Node) -> v2::Node {
    let stub = to_stub(&node.stub, node.http_addr.clone());
    // The two that 2.x has [036]; its command line prints every `driver.` as one
    // of the node's drivers, so Nomad's must not be among them.
    let mut attributes: BTreeMap<String, String> = ["driver.MySQL", "driver.Kafka"]
        .map(|driver| (driver.to_owned(), "1".to_owned()))
        .into();
    // The plugin's release, where it was built with one.
    let dtle = node.stub.drivers.get("dtle");
    let release = dtle.and_then(|driver| driver.attributes.get("driver.dtle.version"));
    if let Some(release) = release.filter(|release| !release.is_empty()) {
        attributes.insert("dtle.version".to_owned(), release.clone());
    }
    v2::Node {
        attributes,
        computed_class: node.computed_class.clone(),
        create_index: stub.create_index,
        datacenter: stub.datacenter,
        http_addr: stub.http_addr,
        id: stub.id,
        modify_index: stub.modify_index,
        name: stub.name,
        nats_addr: String::new(),
        nats_advertise_addr: String::new(),
        status: stub.status,
        status_description: stub.status_description,
        status_updated_at: node.status_updated_at,
    }
}
