//! Types that Cyclone refuses, though we can describe them.

mod common;

use std::fmt::Write as _;
use std::sync::Arc;

use common::{Collect, domain, numbered, wait};
use tidewire_cyclone::{DdsOptions, DdsParticipant};
use tidewire_idl::TypeRegistry;
use tidewire_qos::Qos;
use tidewire_transport::EndpointSpec;

const OTHERS: u32 = 40;

#[test]
fn after_types_that_are_refused_others_work() {
    // Members of a key cannot be left out.
    let mut idl = "@final struct Inner { @optional long x; };\n\
                   @final struct Outer { @key Inner inner; };\n"
        .to_owned();
    for i in 0..OTHERS {
        let _ = writeln!(idl, "@final struct Plain{i} {{ @key long instance; long count; }};");
    }
    let mut types = TypeRegistry::new();
    types.add_str("refused.idl", &idl).unwrap();
    let spec = |topic: &str, ty: &str| {
        let mut spec = EndpointSpec::new(topic, ty, true);
        spec.qos = Qos::reliable();
        spec.ty = Some(types.get(ty).unwrap());
        spec
    };
    let start = |name| DdsParticipant::start(DdsOptions::new(domain(61), name)).unwrap();
    let (a, b) = (start("a"), start("b"));
    let refused = spec("refused", "Outer");
    for _ in 0..3 {
        let errors = [
            a.writer(&refused).err().expect("refused").to_string(),
            b.reader(&refused, Arc::new(Collect::default())).err().expect("refused").to_string(),
        ];
        assert!(errors.iter().all(|error| error.contains("`refused`")), "{errors:?}");
    }
    let endpoints: Vec<_> = (0..OTHERS)
        .map(|i| {
            let spec = spec(&format!("plain/{i}"), &format!("Plain{i}"));
            let sink = Arc::new(Collect::default());
            let reader = b.reader(&spec, sink.clone()).unwrap();
            (a.writer(&spec).unwrap(), reader, sink)
        })
        .collect();
    for (writer, _, sink) in &endpoints {
        wait("a match", || !writer.matched().is_empty());
        let sample = numbered(1, 1);
        writer.write(sample.clone(), common::key(&sample), 1).unwrap();
        wait("a sample", || sink.len() == 1);
    }
}
