//! The databases, as a migration asks them.

use local::gtid::GtidSet;
use local::migrate::{Connection, Connector};
use local::mysql::{Database, MySqlError, Row};
use uuid::Uuid;

use super::{Machine, TRANSACTION, World};

/// An open server of the world.
pub struct Server {
    world: World,
    name: String,
    machine: usize,
}

impl Connector for World {
    type Database = Server;

    async fn open(&self, connection: &Connection) -> Result<Server, MySqlError> {
        self.happens();
        let name = connection.address.to_string();
        let state = self.state();
        let machine = state.addresses.get(&name).copied();
        match machine.filter(|machine| state.machines[*machine].up) {
            Some(machine) => Ok(Server {
                world: self.clone(),
                name,
                machine,
            }),
            None => Err(MySqlError::Unreachable {
                server: name,
                cause: "connection refused".to_owned(),
            }),
        }
    }
}

impl Server {
    fn refuse<T>(&self, code: u16) -> Result<T, MySqlError> {
        Err(MySqlError::Refused {
            server: self.name.clone(),
            code,
            text: "no".to_owned(),
        })
    }
}

fn row(cells: &[&str]) -> Row {
    cells.iter().map(|cell| Some((*cell).to_owned())).collect()
}

fn noted(set: Option<&GtidSet>, machines: &[Machine]) -> Vec<Row> {
    let mut rows = Vec::new();
    for machine in machines {
        for number in 1..=machine.written {
            let mut one = GtidSet::default();
            one.insert(machine.uuid, number);
            if set.is_some_and(|set| set.contains(&one)) {
                let hex = machine.uuid.simple().to_string().to_uppercase();
                rows.push(vec![Some(hex), Some(number.to_string()), None]);
            }
        }
    }
    rows
}

impl Database for Server {
    fn name(&self) -> &str {
        &self.name
    }

    async fn rows(&mut self, sql: &str) -> Result<Vec<Row>, MySqlError> {
        self.world.happens();
        let state = self.world.state();
        let machine = &state.machines[self.machine];
        let words: Vec<&str> = sql.split_whitespace().collect();
        Ok(match words.as_slice() {
            ["SELECT", "@@GLOBAL.gtid_mode,", ..] => {
                let all = machine.all().to_string();
                vec![row(&["ON", &machine.uuid.to_string(), &all])]
            }
            ["SELECT", "@@GLOBAL.gtid_purged"] => vec![row(&[""])],
            ["SHOW", "BINARY", "LOGS"] => {
                let size = TRANSACTION * (machine.written + 1);
                vec![row(&["bin.000001", &size.to_string()])]
            }
            [
                "SHOW",
                "BINLOG",
                "EVENTS",
                "IN",
                "'bin.000001'",
                "FROM",
                from,
                "LIMIT",
                _,
            ] => {
                let from: u64 = from.parse().unwrap();
                let of = |number: u64| {
                    let begin = TRANSACTION * number;
                    let gtid = format!("SET @@SESSION.GTID_NEXT= '{}:{number}'", machine.uuid);
                    let at = |at: u64| at.to_string();
                    [
                        row(&[
                            "bin.000001",
                            &at(begin),
                            "Gtid",
                            "1",
                            &at(begin + 40),
                            &gtid,
                        ]),
                        row(&[
                            "bin.000001",
                            &at(begin + 40),
                            "Xid",
                            "1",
                            &at(begin + 100),
                            "",
                        ]),
                    ]
                };
                let begins = |row: &Row| row[1].as_ref().unwrap().parse::<u64>().unwrap() >= from;
                (1..=machine.written).flat_map(of).filter(begins).collect()
            }
            ["SHOW", "TABLES", "FROM", "`dtle`", ..] => {
                let tables = [
                    machine
                        .old_table
                        .as_ref()
                        .map(|_| row(&["gtid_executed_v3a"])),
                    machine
                        .new_table
                        .as_ref()
                        .map(|_| row(&["gtid_executed_v4"])),
                ];
                tables.into_iter().flatten().collect()
            }
            ["SELECT", "DISTINCT", "job_name", ..] => match &machine.new_table {
                Some(table) => table.keys().map(|name| row(&[name])).collect(),
                None => return self.refuse(1146),
            },
            ["SELECT", "HEX(source_uuid),", .., "job_uuid", "=", id] => match &machine.old_table {
                Some(table) => {
                    let id = Uuid::parse_str(id.trim_start_matches("0x")).unwrap();
                    noted(table.get(&id.to_string()), &state.machines)
                }
                None => return self.refuse(1146),
            },
            ["SELECT", "HEX(source_uuid),", .., "job_name", "=", _, name] => match &machine
                .new_table
            {
                Some(table) => {
                    let hex =
                        |key: &String| key.bytes().map(|b| format!("{b:02x}")).collect::<String>();
                    let found = table
                        .iter()
                        .find(|(key, _)| hex(key) == name.trim_start_matches("0x"));
                    noted(found.map(|(_, set)| set), &state.machines)
                }
                None => return self.refuse(1146),
            },
            _ => panic!("{sql}"),
        })
    }

    async fn change(&mut self, sql: &str) -> Result<u64, MySqlError> {
        {
            let mut state = self.world.state();
            let machine = &mut state.machines[self.machine];
            match sql {
                "DROP TABLE `dtle`.`gtid_executed_v3a`" => machine.old_table = None,
                "DROP TABLE `dtle`.`gtid_executed_v4`" => machine.new_table = None,
                _ => panic!("{sql}"),
            }
        }
        self.world.happens();
        Ok(0)
    }
}
