use super::*;

fn request() -> RunRequest {
    let words = [(Axis::Model, "llama-tiny"), (Axis::Precision, "f32")];
    let counts = [
        (Axis::Batch, 2),
        (Axis::PromptTokens, 16),
        (Axis::DecodeTokens, 8),
    ];
    RunRequest {
        protocol: PROTOCOL_VERSION,
        run_id: "0123".into(),
        point: words
            .map(|(axis, word)| (axis, AxisValue::Text(word.into())))
            .into_iter()
            .chain(counts.map(|(axis, count)| (axis, AxisValue::Integer(count))))
            .collect(),
        weights_seed: 1,
        input_seed: 2,
        warmup_s: 0.5,
    }
}

fn read(request: &RunRequest) -> Result<Job, Error> {
    Job::from_request(request, &Registry::own(), &Places::default())
}

fn refusal(change: impl FnOnce(&mut RunRequest)) -> String {
    let mut request = request();
    change(&mut request);
    read(&request)
        .expect_err("the change makes it unusable")
        .to_string()
}

fn with(axis: Axis, value: AxisValue) -> impl FnOnce(&mut RunRequest) {
    move |request| request.point = request.point.clone().with(axis, value)
}

fn text(axis: Axis, word: &str) -> impl FnOnce(&mut RunRequest) {
    with(axis, AxisValue::Text(word.into()))
}

#[test]
fn a_complete_request_becomes_a_job() {
    let job = read(&request()).expect("complete");
    let extent = Extent {
        batch: 2,
        prompt_tokens: 16,
        decode_tokens: 8,
    };
    assert_eq!(job.task, Task::Generate(extent));
    assert_eq!(job.precision, Precision::F32);
    assert_eq!(job.origin, Origin::Seeded);
    assert_eq!(job.only, None);
    assert_eq!((job.weights_seed, job.input_seed), (1, 2));
}

/// The cost model is asked for the same work that is done.
#[test]
fn a_job_is_counted_at_its_own_point() {
    let job = read(&request()).expect("complete");
    assert_eq!(job.point(), request().point);
}

#[test]
fn weights_come_from_the_users_folder_where_there_is_one_and_nothing_else_is_said() {
    let places = Places {
        file: Some("/models/x".into()),
        ..Places::default()
    };
    let origin = |point: &Point| {
        Job::from_point(point, &Registry::own(), &places)
            .expect("complete")
            .origin
    };
    let point = request().point;
    assert_eq!(origin(&point), Origin::File);
    let seeded = point.with(Axis::Weights, AxisValue::Text("seeded".into()));
    assert_eq!(origin(&seeded), Origin::Seeded);
}

#[test]
fn a_phase_alone_is_read_and_a_prefill_needs_no_decode_tokens() {
    let mut request = request();
    text(Axis::Phase, "decode")(&mut request);
    assert_eq!(read(&request).expect("complete").only, Some(Only::Decode));
    request.point = request
        .point
        .iter()
        .filter(|(axis, _)| *axis != Axis::DecodeTokens)
        .map(|(axis, value)| (axis, value.clone()))
        .collect();
    assert!(read(&request).is_err());
    text(Axis::Phase, "prefill")(&mut request);
    assert_eq!(read(&request).expect("complete").only, Some(Only::Prefill));
}

/// A variant that cannot be recorded says so of itself, and is not taken for one that is.
#[test]
fn what_cannot_be_recorded_is_launched_one_by_one() {
    for (axis, word) in [
        (Axis::Attention, "naive"),
        (Axis::Implementation, "reference"),
    ] {
        let mut request = request();
        assert_eq!(read(&request).expect("complete").variant.graph, Graph::On);
        text(axis, word)(&mut request);
        assert_eq!(read(&request).expect("complete").variant.graph, Graph::Off);
        text(Axis::Graph, "off")(&mut request);
        assert_eq!(read(&request).expect("complete").variant.graph, Graph::Off);
        text(Axis::Graph, "on")(&mut request);
        let message = read(&request).expect_err("cannot").to_string();
        let expected = format!("'graph' has the value 'on', but axis '{axis}' is '{word}'");
        assert!(message.contains(&expected), "{message}");
        text(Axis::Graph, "sometimes")(&mut request);
        assert!(read(&request).is_err());
    }
}

/// The stock module has one attention of its own, whatever a plan says.
#[test]
fn attention_is_an_axis_of_the_fast_composition() {
    let mut checked = 0;
    for (model, family) in Registry::own().models() {
        let summary = family.summary(model);
        let stock = summary
            .takes
            .implementation
            .contains(&Implementation::Reference);
        if !stock || summary.takes.attention.is_empty() {
            continue;
        }
        let lengths = match summary.kind {
            Kind::Generate => vec![(Axis::PromptTokens, 8), (Axis::DecodeTokens, 4)],
            Kind::Transcribe => vec![(Axis::DecodeTokens, 4)],
            Kind::Read { .. } => vec![(Axis::PromptTokens, 8)],
            Kind::See { .. } | Kind::Draw { .. } => vec![],
        };
        let words = [(Axis::Model, model), (Axis::Precision, "f32")];
        let mut request = request();
        request.point = words
            .map(|(axis, word)| (axis, AxisValue::Text(word.into())))
            .into_iter()
            .chain([(Axis::Batch, AxisValue::Integer(1))])
            .chain(
                lengths
                    .into_iter()
                    .map(|(axis, count)| (axis, AxisValue::Integer(count))),
            )
            .collect();
        for attention in summary.takes.attention {
            let mut request = request.clone();
            text(Axis::Implementation, "reference")(&mut request);
            read(&request).expect("complete");
            text(Axis::Attention, attention.word())(&mut request);
            let message = read(&request).expect_err("heeds no axis").to_string();
            let expected = format!(
                "axis 'attention' has the value '{}', but axis 'implementation' is 'reference'",
                attention.word()
            );
            assert!(message.contains(&expected), "{model}: {message}");
            text(Axis::Implementation, "fast")(&mut request);
            read(&request).expect("complete");
            checked += 1;
        }
    }
    assert!(checked > 0);
}

#[test]
fn every_refusal_names_what_is_wrong() {
    for (message, expected) in [
        (refusal(|request| request.protocol = 99), "protocol 99"),
        (
            refusal(|request| request.warmup_s = f64::NAN),
            "warmup_s is NaN",
        ),
        (
            refusal(|request| request.point = Point::default()),
            "axis 'model' is missing",
        ),
        (
            refusal(text(Axis::Model, "llama-9t")),
            "'model' has the value 'llama-9t', this worker supports: llama-tiny, llama-7b",
        ),
        (
            refusal(with(Axis::Batch, AxisValue::Integer(0))),
            "'batch' has the value '0', expected a whole number from 1 to 65536",
        ),
        (refusal(text(Axis::Batch, "x")), "'batch' has the value 'x'"),
        (
            refusal(text(Axis::Precision, "fp8")),
            "'precision' has the value 'fp8', model 'llama-tiny' takes: f32, tf32, f16, bf16",
        ),
        (
            refusal(text(Axis::Attention, "flash")),
            "'attention' has the value 'flash', model 'llama-tiny' takes: ",
        ),
        (
            refusal(text(Axis::Head, "masked_lm")),
            "'head' does not apply to model 'llama-tiny'",
        ),
        (
            refusal(text(Axis::Phase, "encode")),
            "'phase' has the value 'encode', model 'llama-tiny' takes: prefill, decode",
        ),
        (
            refusal(with(Axis::Steps, AxisValue::Integer(4))),
            "'steps' does not apply",
        ),
        (
            refusal(with(Axis::PromptTokens, AxisValue::Integer(5000))),
            "prompt_tokens 5000 and decode_tokens 8 make 5008 positions, model 'llama-tiny' has 4096",
        ),
        (
            refusal(with(Axis::PromptTokens, AxisValue::Integer(u64::MAX))),
            "'prompt_tokens' has the value '18446744073709551615', expected a whole number from 1 to",
        ),
    ] {
        assert!(message.contains(expected), "'{message}' lacks '{expected}'");
        assert_eq!(message.lines().count(), 1);
    }
}
