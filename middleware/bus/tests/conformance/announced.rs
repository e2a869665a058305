//! Octets that endpoints announce for others to read (DDS 1.4, 2.2.3.1 to 2.2.3.3).

use tidewire_qos::Qos;
use tidewire_qos::policy::Policy;

use crate::cases::Found;
use crate::common::everything;
use crate::face::Combination;
use crate::refusals::refused;

/// Each side finds what the other has announced, whatever bytes they are.
fn told(
    c: &Combination<'_>,
    policy: Policy,
    set: fn(&mut Qos, Vec<u8>),
    get: fn(&Qos) -> &[u8],
) -> Found {
    let with = |octets: Vec<u8>| {
        let mut qos = everything();
        set(&mut qos, octets);
        qos
    };
    if c.is_rustdds() {
        return refused(c, policy, &with(vec![1]), "writer reader");
    }
    refused(c, policy, &with(vec![1; 5_000]), "writer reader");
    let all: Vec<u8> = (0..=255).cycle().take(3_000).collect();
    let _writer = c.writer("told", &with(all.clone())).unwrap();
    let _reader = c.reader("told", &with(b"\0line 4".to_vec())).unwrap();
    let (offered, requested) = c.announced("told");
    assert_eq!((get(&offered), get(&requested)), (&*all, &b"\0line 4"[..]));
    Found::kept()
}

pub fn user_data(c: &Combination<'_>) -> Found {
    told(c, Policy::UserData, |qos, octets| qos.user_data = octets, |qos| &qos.user_data)
}

pub fn topic_data(c: &Combination<'_>) -> Found {
    told(c, Policy::TopicData, |qos, octets| qos.topic_data = octets, |qos| &qos.topic_data)
}

pub fn group_data(c: &Combination<'_>) -> Found {
    told(c, Policy::GroupData, |qos, octets| qos.group_data = octets, |qos| &qos.group_data)
}
