//! Key custody where no key may be in host memory, on a token that puts keys together inside.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use cardwright_hsm_conformance::{Settings, run_custody};
use cardwright_pkcs11::{HostMemory, Pkcs11Hsm};
use common::{Ground, with_nss};

fn opened(ground: &Ground, host_memory: HostMemory) -> Pkcs11Hsm {
    let mut settings = ground.settings();
    settings.host_memory = host_memory;
    let hsm = Pkcs11Hsm::open(settings).unwrap();
    hsm.prepare().unwrap();
    hsm
}

/// The rows of the kit that hold without any key in host memory.
const INSIDE: [&str; 10] = [
    "custody.components.joined",
    "custody.components.drawn",
    "custody.components.typed",
    "custody.components.foreign",
    "custody.components.result",
    "custody.split",
    "custody.block.d",
    "custody.block.b",
    "custody.block.checks",
    "custody.block.changed",
];

#[test]
fn components_and_blocks_need_no_host_memory() {
    with_nss("components_and_blocks_need_no_host_memory", |ground| {
        let hsm = opened(ground, HostMemory::Refused);
        for line in hsm.describe() {
            println!("{line:?}");
        }
        let settings = Settings {
            may_refuse: &[],
            fresh_draws: &[],
        };
        let report = run_custody(&hsm, &settings);
        println!("{report}");
        let passed = report.passed();
        for check in INSIDE {
            assert!(passed.iter().any(|row| row.id == check), "{check}");
        }
    });
}
