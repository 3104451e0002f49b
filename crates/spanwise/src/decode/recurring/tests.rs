use super::*;
use crate::batch::{AttributeRow, RawValue, Rows, SpanBatch};
use crate::{DecodeOptions, Decoder, Framing, Mode, Projection, encode};

/// What comes before the scope: nothing, or what keeps the opening from being learned, so that only objects are.
const BEFORE_SCOPE: [&str; 2] = ["", r#""schemaUrl":"","#];

/// A request of one span, with a resource and a scope.
fn request_with(before: &str, resource: &str, scope: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{{before}"scope":{scope},"spans":[{{"name":"n","attributes":[{{"key":"own","value":{{"intValue":1}}}}]}}]}}]}}]}}"#
    )
}

/// One whose opening is not learned.
fn request(resource: &str, scope: &str) -> String {
    request_with(BEFORE_SCOPE[1], resource, scope)
}

/// All that can be seen of a batch.
fn seen(batch: &SpanBatch) -> impl PartialEq + std::fmt::Debug + use<> {
    let keys: Vec<_> = batch.keys().map(std::borrow::Cow::into_owned).collect();
    let texts: Vec<_> = batch.key_texts().collect();
    let findings: Vec<_> = batch.diagnostics().map(|it| it.to_string()).collect();
    let tables = (batch.sources().clone(), batch.residue().to_vec(), batch.documents().to_vec());
    let rows = (batch.resource_rows().to_vec(), batch.scope_rows().to_vec(), batch.span_rows().to_vec());
    // Where an array without children begins says nothing.
    let value = |row: &AttributeRow| match row.value() {
        RawValue::Array(Rows { len: 0, .. }) => (row.key(), RawValue::Array(Rows::default())),
        value => (row.key(), value),
    };
    let values: [Vec<_>; 2] =
        [batch.attribute_rows(), batch.value_rows()].map(|rows| rows.iter().map(value).collect());
    (keys, texts, findings, tables, rows, values, encode(batch))
}

fn all_options() -> impl Iterator<Item = DecodeOptions> {
    [Mode::Lenient, Mode::Strict].into_iter().flat_map(|mode| {
        [false, true].map(|record| DecodeOptions::default().with_mode(mode).with_record_sources(record))
    })
}

/// How many objects of a kind the decoder has.
fn known(decoder: &Decoder, owner: Owner) -> usize {
    let known = &decoder.scratch.recurring.owners[owner as usize].known;
    known.iter().filter(|it| it.depth != Known::<Passage>::FORGOTTEN).count()
}

/// How many openings the decoder has.
fn openings(decoder: &Decoder) -> usize {
    let known = &decoder.scratch.recurring.openings.known;
    known.iter().filter(|it| it.depth != Known::<Opening>::FORGOTTEN).count()
}

const OBJECTS: [&str; 14] = [
    "{}",
    r#"{"attributes":[]}"#,
    r#"{"attributes":null,"droppedAttributesCount":0}"#,
    r#"{"droppedAttributesCount":7,"attributes":[{"key":"a","value":{"stringValue":""}}]}"#,
    r#"{"attributes":[{"key":"a","value":{"stringValue":"plain"}},{"key":"b","value":{"stringValue":"a\tb"}}]}"#,
    r#"{"attributes":[{"key":"own","value":{"intValue":"-3"}},{"key":"b","value":{"doubleValue":2.5}}]}"#,
    r#"{"attributes":[{"key":"b","value":{"boolValue":true}},{"key":"a","value":{}},{"key":"c","value":null}]}"#,
    r#"{"attributes":[{"value":{"stringValue":"b"},"key":"a"},{"value":{"stringValue":"a"},"key":"b"}]}"#,
    r#"{"attributes":[{"key":"argv","value":{"arrayValue":{"values":[{"stringValue":"x"},{"intValue":4},{}]}}},{"key":"z","value":{"arrayValue":{}}}]}"#,
    r#"{"attributes":[{"key":"deep","value":{"arrayValue":{"values":[{"arrayValue":{"values":[{"stringValue":"x"}]}},{"arrayValue":{"values":[]}}]}}}]}"#,
    "{ \"attributes\" : [ {\n\"key\":\"a\",\"value\":{\"stringValue\":\"b\"} } ] }",
    r#"{"name":"a","version":"1","attributes":[{"key":"name","value":{"stringValue":"name"}}]}"#,
    r#"{"version":"\u00e9","name":""}"#,
    r#"{"attributes":[{"key":"ключ","value":{"stringValue":"значение"}}],"name":"имя"}"#,
];

#[test]
fn what_comes_again_is_what_it_was() {
    for (options, before_scope) in all_options().flat_map(|it| BEFORE_SCOPE.map(|before| (it, before))) {
        let mut decoder = Decoder::new(options);
        let (mut batch, mut expected) = (SpanBatch::new(), SpanBatch::new());
        for resource in OBJECTS {
            for scope in OBJECTS {
                // Where the object stands, and what the batch has by then, must not matter.
                for before in ["", " ", "\n \t"] {
                    let body = before.to_owned() + &request_with(before_scope, resource, scope);
                    decoder.decode(body.clone(), &mut batch).unwrap();
                    Decoder::new(options.with_general_path(true)).decode(body, &mut expected).unwrap();
                    assert_eq!(seen(&batch), seen(&expected), "{resource} {scope}");
                }
            }
        }
    }
}

#[test]
fn in_one_batch_it_has_the_keys_that_are_there() {
    for (options, before_scope) in all_options().flat_map(|it| BEFORE_SCOPE.map(|before| (it, before))) {
        let mut decoder = Decoder::new(options);
        let (mut batch, mut expected) = (SpanBatch::new(), SpanBatch::new());
        for round in 0..OBJECTS.len() {
            let mut lines = String::new();
            let mut push = |resource: &str, scope: &str| {
                lines += &request_with(before_scope, resource, scope).replace('\n', " ");
                lines += "\n";
            };
            for (index, object) in OBJECTS.iter().cycle().skip(round).take(9).enumerate() {
                push(object, OBJECTS[(index * 5 + round) % OBJECTS.len()]);
                push(object, object);
                // Between them, one whose rows are taken back.
                push(r#"{"attributes":[{"key":"gone"}]}}}"#, "{}");
            }
            for framing in [Framing::Lines, Framing::Documents] {
                decoder.decode_block(lines.clone(), framing, &mut batch).unwrap();
                let mut general = Decoder::new(options.with_general_path(true));
                general.decode_block(lines.clone(), framing, &mut expected).unwrap();
                assert_eq!(seen(&batch), seen(&expected), "{round}");
            }
        }
    }
}

/// Requests up to their first span, and whether that is learned.
const OPENINGS: [(&str, bool); 26] = [
    (
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a"}]},"scopeSpans":[{"scope":{"name":"s"},"spans":["#,
        true,
    ),
    (
        r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{"attributes":[{"key":"b"}]},"spans":["#,
        true,
    ),
    (r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":null,"spans":["#, true),
    (r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"spans":["#, true),
    ("{\t\"resourceSpans\" : [ {\r\"resource\" :{ },\"scopeSpans\":[ {\"scope\": {},\"spans\": [", true),
    // A line feed where nothing else is learned.
    ("{\"resourceSpans\":[\n{\"resource\":{},\"scopeSpans\":[{\"scope\":{},\"spans\":[", true),
    (r#"{"\u0072esourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":["#, true),
    (r#"{"resourceSpans":[{"resource":{"entityRefs":[]},"scopeSpans":[{"spans":["#, true),
    // In an array, in no request, or a list that stands in the place of nothing.
    (r#"[{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":["#, false),
    (r#"{"resource":{},"scopeSpans":[{"scope":{},"spans":["#, false),
    (r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":null,"spans":["#, false),
    // Without a word on who writes.
    (r#"{"resourceSpans":[{"resource":null,"scopeSpans":[{"scope":null,"spans":["#, true),
    (r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#, true),
    // Not the first of its list.
    (r#"{"resourceSpans":[{},{"resource":{},"scopeSpans":[{"scope":{},"spans":["#, false),
    (r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{},{"scope":{},"spans":["#, false),
    (r#"{"resourceSpans":[null,{"resource":{},"scopeSpans":[{"scope":{},"spans":["#, false),
    // With more than who writes.
    (r#"{"resourceSpans":[{"schemaUrl":"u","resource":{},"scopeSpans":[{"scope":{},"spans":["#, false),
    (r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"schemaUrl":"u","scope":{},"spans":["#, false),
    (
        r#"{"resourceSpans":[{"resource":{"entityRefs":[{"type":"t"}]},"scopeSpans":[{"scope":{},"spans":["#,
        false,
    ),
    // With what cannot be moved.
    (
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"kvlistValue":{"values":[{"key":"b"}]}}}]},"scopeSpans":[{"spans":["#,
        false,
    ),
    (
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"bytesValue":"AA=="}}]},"scopeSpans":[{"spans":["#,
        false,
    ),
    (
        r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{"attributes":[{"key":"a","value":{"kvlistValue":{"values":[]}}}]},"spans":["#,
        false,
    ),
    // With findings.
    (r#"{"x":1,"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":["#, false),
    (r#"{"resourceLogs":[],"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":["#, false),
    (r#"{"resource_spans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":["#, false),
    (r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"scope":{},"spans":["#, false),
];

/// What may stand behind an opening: all is well, something comes again, is of the wrong kind, or is missing.
fn endings() -> Vec<String> {
    const SPAN: &str =
        r#"{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"n"}"#;
    const MORE: &str = r#""scope":{"name":"later","attributes":[{"key":"later"}]}"#;
    const MOST: &str =
        r#"{"resource":{"attributes":[{"key":"last"}]},"scopeSpans":[{"scope":{},"spans":[{"name":"z"}]}]}"#;
    let whole = format!(
        r#"{SPAN},{SPAN}],"schemaUrl":"u"}},{{{MORE},"spans":[{SPAN}]}}],"schemaUrl":"v"}},{MOST}]}}"#
    );
    let cut = (0..whole.len()).map(|length| whole[..length].to_owned());
    let others = [
        "]}]}]}",
        "{\"name\":\"n\"}\t] } ]\r}\t] }  ",
        "null]}]}]}",
        "1,{\"name\":\"n\"}]}]}]}",
        ",]}]}]}",
        "]}],}]}",
        "]}]}]},",
        r#"],"schemaUrl":5}]}]}"#,
        r#"],"unknown":{}}]}]}"#,
        r#"],"schema_url":"u"}]}]}"#,
        r#"],"spans":[{"name":"again"}]}]}]}"#,
        r#"{"name":"n"}],"spans":[]}]}]}"#,
        r#"],"spans":null}]}]}"#,
        r#"]},null,{"scope":{},"spans":[{"name":"n"}]},7]}]}"#,
        r#"]}],"schemaUrl":5}]}"#,
        r#"{"name":"n"}]}],"unknown":{}}]}"#,
        r#"]}],"resource":{"attributes":[{"key":"again"}]}}]}"#,
        r#"]}],"resource":5}]}"#,
        r#"{"name":"n"}]}],"scopeSpans":[{"spans":[{"name":"again"}]}]}]}"#,
        r#"{"name":"n"}]}],"scopeSpans":null}]}"#,
        r#"]}]},null,{"resource":{},"scopeSpans":[{"spans":[{"name":"n"}]}]},7]}"#,
        r#"{"name":"n"}]}]}],"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"again"}]}]}]}"#,
        r#"]}]}],"resourceLogs":[]}"#,
        r#"{"name":"n"}]}]}],"scopeSpans":[{"spans":[{"name":"bare"}]}]}"#,
        r#"]}]}],"unknown":[]}"#,
        r#"{"name":"n"}]}]}]}{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"next"}]}]}]}"#,
        r#"{"name":5,"traceId":"x"}]}]}]}"#,
    ];
    let scope = format!("],{MORE}}}]}}]}}");
    others.map(str::to_owned).into_iter().chain([scope, whole.clone()]).chain(cut).collect()
}

#[test]
fn after_an_opening_that_is_known_all_is_as_ever() {
    let endings = endings();
    let wholes = endings.len() - endings.last().map_or(0, String::len) - 1;
    for options in all_options() {
        for (opening, learned) in OPENINGS {
            // The place of a list of none is not kept.
            let learned = learned && !(options.record_sources && opening.contains("entityRefs"));
            let mut decoder = Decoder::new(options);
            let (mut batch, mut expected) = (SpanBatch::new(), SpanBatch::new());
            for _ in 0..4 {
                // One whose resource comes again, so that the next opening is worth a thought. (Of which strict mode refuses some.)
                decoder.decode(r#"{"resourceSpans":[{"resource":{}}]}"#, &mut batch).unwrap();
                let _ = decoder.decode(format!("{opening}]}}]}}]}}"), &mut batch);
            }
            assert_eq!(openings(&decoder), usize::from(learned), "{opening}");
            // Where nothing is learned, nothing depends on where it is cut.
            for ending in endings.iter().take(if learned { endings.len() } else { wholes }) {
                let body = format!(" {opening}{ending}");
                let mut general = Decoder::new(options.with_general_path(true));
                let result = general.decode(body.clone(), &mut expected);
                assert_eq!(decoder.decode(body.clone(), &mut batch), result, "{body}");
                // With line feeds, it was forgotten before lines; a second document begins in another way.
                if learned && !opening.contains('\n') && !ending.contains("}{") {
                    assert_eq!(decoder.scratch.recurring.openings.barren, 0, "{body}");
                }
                assert_eq!(seen(&batch), seen(&expected), "{body}");
                // Behind one with something in the tables.
                let other = r#"{"resourceSpans":[{"resource":{"entityRefs":[{"type":"t"}],"attributes":[{"key":"z"}]}}]}"#;
                let lines = format!("{other}\n{body}\n{body}\n");
                for framing in [Framing::Lines, Framing::Documents] {
                    general.decode_block(lines.clone(), framing, &mut expected).unwrap();
                    decoder.decode_block(lines.clone(), framing, &mut batch).unwrap();
                    assert_eq!(seen(&batch), seen(&expected), "{lines}");
                }
            }
        }
    }
}

#[test]
fn openings_are_met_again_and_their_parts_are_not_looked_for() {
    let (resource, scope) = (OBJECTS[4], OBJECTS[5]);
    let mut decoder = Decoder::default();
    let mut batch = SpanBatch::new();
    for _ in 0..4 {
        decoder.decode(request_with("", resource, scope), &mut batch).unwrap();
    }
    // Were it looked for, it would be missed.
    decoder.scratch.recurring.owners.iter_mut().for_each(Kept::forget);
    for _ in 0..9 {
        decoder.decode(request_with("", resource, scope), &mut batch).unwrap();
        let recurring = &decoder.scratch.recurring;
        assert_eq!((recurring.openings.barren, recurring.owners[0].barren), (0, 0));
    }
    // Another opening: its resource is looked for.
    decoder.decode(request_with("", resource, "{}"), &mut batch).unwrap();
    assert_eq!(decoder.scratch.recurring.owners[0].barren, 1);
}

#[test]
fn what_is_plain_is_learned_and_the_rest_is_not() {
    let mut batch = SpanBatch::new();
    // As a resource, and as a scope.
    let mut learned = |object: &str| {
        [(request(object, "{}"), Owner::Resource), (request("{}", object), Owner::Scope)].map(
            |(body, owner)| {
                let mut decoder = Decoder::default();
                for _ in 0..3 {
                    decoder.decode(body.clone(), &mut batch).unwrap();
                }
                known(&decoder, owner)
            },
        )
    };
    for object in OBJECTS.iter().filter(|object| !object.contains("name\":")) {
        assert_eq!(learned(object), [1, 1], "{object}");
    }
    assert_eq!(learned(r#"{"name":"n","version":"v"}"#), [0, 1], "a resource has no name");
    for object in [
        // With findings.
        r#"{"attributes":[{"key":""}]}"#,
        r#"{"attributes":[{"key":"a"},{"key":"a"}]}"#,
        r#"{"attributes":[],"attributes":[]}"#,
        r#"{"unknown":1}"#,
        r#"{"entityRefs":[]}"#,
        // With something in the arena, or keys between those of the attributes.
        r#"{"attributes":[{"key":"a\t"}]}"#,
        r#"{"attributes":[{"key":"a","value":{"bytesValue":"AA=="}}]}"#,
        r#"{"attributes":[{"key":"a","value":{"bytesValue":""}}]}"#,
        r#"{"attributes":[{"key":"a","value":{"kvlistValue":{"values":[]}}}]}"#,
        r#"{"attributes":[{"key":"a","value":{"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"b"}]}}]}}}]}"#,
    ] {
        assert_eq!(learned(object), [0, 0], "{object}");
    }
    let attribute = |number: usize| format!(r#"{{"key":"k{number}","value":{{"intValue":1}}}}"#);
    for (count, expected) in [(MOST_ROWS, 1), (MOST_ROWS + 1, 0)] {
        let attributes: Vec<_> = (0..count).map(attribute).collect();
        let object = format!(r#"{{"attributes":[{}]}}"#, attributes.join(","));
        assert_eq!(learned(&object), [expected; 2], "{count}");
    }
    let long = |length: usize| {
        let rest = r#"{"attributes":[{"key":"k","value":{"stringValue":""}}]}"#.len();
        let text = "x".repeat(length - rest);
        format!(r#"{{"attributes":[{{"key":"k","value":{{"stringValue":"{text}"}}}}]}}"#)
    };
    assert_eq!((learned(&long(MOST_BYTES)), learned(&long(MOST_BYTES + 1))), ([1; 2], [0; 2]));
}

#[test]
fn keys_that_the_batch_has_from_elsewhere_are_found_where_they_stand() {
    let first = r#"{"attributes":[{"key":"a"},{"key":"b"},{"key":"ab"},{"key":"\"a"}]}"#;
    for (object, learned) in [
        (r#"{"attributes":[{"key":"b","value":{"stringValue":"a"}},{"key":"a"},{"key":"ab"}]}"#, 1),
        (
            r#"{"attributes":[{"value":{"stringValue":"a"},"key":"b"},{"value":{"stringValue":"b"},"key":"a"}]}"#,
            1,
        ),
        (r#"{"attributes":[{"key":"a","value":{"stringValue":"a\"key\":\"b"}},{"key":"b"}]}"#, 0),
        (r#"{"attributes":[{"key":"\"a"}]}"#, 0),
        (r#"{"attributes":[{"key": "a"}]}"#, 0),
    ] {
        let mut decoder = Decoder::default();
        let (mut batch, mut expected) = (SpanBatch::new(), SpanBatch::new());
        for _ in 0..2 {
            decoder.decode(request(first, object), &mut batch).unwrap();
        }
        assert_eq!(known(&decoder, Owner::Scope), learned, "{object}");
        // Without the first, and with it at another place.
        for body in [request("{}", object), format!(" {}", request(first, object))] {
            decoder.decode(body.clone(), &mut batch).unwrap();
            let mut general = Decoder::new(DecodeOptions::default().with_general_path(true));
            general.decode(body, &mut expected).unwrap();
            assert_eq!(seen(&batch), seen(&expected), "{object}");
        }
    }
}

#[test]
fn a_key_in_the_arena_is_not_taken_for_one_in_the_object() {
    let object = r#"{"attributes":[{"key":"a","value":{"intValue":1}},{"key":"b","value":{"intValue":2}}]}"#;
    for length in 0..200 {
        // Each byte that is no UTF-8 takes three of the arena, so that a place there may be one in the object, too.
        let broken = "?".repeat(length);
        let first = format!(
            r#"{{"attributes":[{{"key":"c","value":{{"stringValue":"{broken}"}}}},{{"key":"\u0061"}}]}}"#
        );
        let mut decoder = Decoder::default();
        let (mut batch, mut expected) = (SpanBatch::new(), SpanBatch::new());
        for body in [&first, &first, "{}"].map(|first| request(first, object)) {
            let body: Vec<u8> = body.bytes().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
            decoder.decode(body.clone(), &mut batch).unwrap();
            let mut general = Decoder::new(DecodeOptions::default().with_general_path(true));
            general.decode(body, &mut expected).unwrap();
            assert_eq!(seen(&batch), seen(&expected), "{length}");
        }
        assert_eq!(known(&decoder, Owner::Scope), 1);
    }
}

#[test]
fn the_first_batch_and_the_general_path_learn_nothing() {
    let body = request("{}", "{}");
    let mut batch = SpanBatch::new();
    let mut decoder = Decoder::default();
    let mut general = Decoder::new(DecodeOptions::default().with_general_path(true));
    for expected in [0, 1] {
        decoder.decode(body.clone(), &mut batch).unwrap();
        general.decode(body.clone(), &mut batch).unwrap();
        assert_eq!(known(&decoder, Owner::Scope), expected);
        assert_eq!(known(&general, Owner::Scope), 0);
    }
}

/// Strict: they are read in full, and leave their keys in the table. Lenient: nothing is left of them.
#[test]
fn attributes_that_nobody_wants_leave_their_keys_if_they_are_read() {
    let wanted = Projection { resource_attributes: false, ..Projection::ALL };
    for (mode, resources) in [(Mode::Strict, 0), (Mode::Lenient, 1)] {
        let options = DecodeOptions::default().with_mode(mode).with_projection(wanted);
        let mut decoder = Decoder::new(options);
        let mut batch = SpanBatch::new();
        for _ in 0..4 {
            decoder.decode(request(OBJECTS[4], OBJECTS[5]), &mut batch).unwrap();
            let keys: Vec<_> = batch.keys().collect();
            assert!(mode == Mode::Lenient || keys == ["a", "b", "own"], "{keys:?}");
            assert!(["b", "own"].iter().all(|key| keys.iter().any(|known| known == key)), "{keys:?}");
            let resource = batch.resources().next().unwrap();
            assert_eq!((batch.resources().len(), resource.attributes().len()), (1, 0));
            assert_eq!(batch.scope_rows()[0].attributes.len, 2);
        }
        assert_eq!((known(&decoder, Owner::Resource), known(&decoder, Owner::Scope)), (resources, 1));
    }
}

#[test]
fn an_opening_with_attributes_that_nobody_wants_is_read() {
    let combinations = [(false, true), (true, false), (true, true), (false, false)];
    for (mode, (resource, scope)) in
        [Mode::Strict, Mode::Lenient].into_iter().flat_map(|mode| combinations.map(|wanted| (mode, wanted)))
    {
        let wanted = Projection { resource_attributes: resource, scope_attributes: scope, ..Projection::ALL };
        let options = DecodeOptions::default().with_mode(mode).with_projection(wanted);
        let mut decoder = Decoder::new(options);
        let (mut batch, mut expected) = (SpanBatch::new(), SpanBatch::new());
        for _ in 0..6 {
            // One whose resource comes again.
            decoder.decode(r#"{"resourceSpans":[{"resource":{}}]}"#, &mut batch).unwrap();
            let body = request_with("", OBJECTS[4], OBJECTS[5]);
            decoder.decode(body.clone(), &mut batch).unwrap();
            Decoder::new(options.with_general_path(true)).decode(body, &mut expected).unwrap();
            assert_eq!(batch, expected, "{wanted:?}");
            assert!(batch.diagnostics().eq(expected.diagnostics()), "{wanted:?}");
            if mode == Mode::Strict {
                assert_eq!(seen(&batch), seen(&expected), "{wanted:?}");
            }
        }
        let learned = resource && scope || mode == Mode::Lenient;
        assert_eq!(openings(&decoder), usize::from(learned), "{mode:?} {wanted:?}");
    }
}

#[test]
fn a_bound_on_depth_holds_behind_an_opening() {
    let request = |levels: usize| {
        let value = r#"{"arrayValue":{"values":["#.repeat(levels) + "{}" + &"]}}".repeat(levels);
        let attributes = format!(r#"{{"name":"n","attributes":[{{"key":"a","value":{value}}}]}}"#);
        request_with("", "{}", "{}")
            .replace(r#"{"name":"n","attributes":[{"key":"own","value":{"intValue":1}}]}"#, &attributes)
    };
    let options =
        DecodeOptions::default().with_limits(crate::Limits { depth: 20, ..crate::Limits::default() });
    let mut decoder = Decoder::new(options);
    let mut batch = SpanBatch::new();
    for _ in 0..5 {
        decoder.decode(request(0), &mut batch).unwrap();
    }
    assert_eq!(openings(&decoder), 1);
    let results = [2, 3, 4, 5].map(|levels| {
        let mut general = Decoder::new(options.with_general_path(true));
        let expected = general.decode(request(levels), &mut SpanBatch::new());
        assert_eq!(decoder.decode(request(levels), &mut batch), expected, "{levels}");
        expected.is_ok()
    });
    assert_eq!(results, [true, true, false, false]);
}

#[test]
fn a_bound_on_depth_holds_wherever_the_object_stands() {
    let resource = OBJECTS[8];
    let body = request(resource, "{}");
    let deep = format!(r"[{body}]");
    let limits = crate::Limits { depth: 10, ..crate::Limits::default() };
    let mut decoder = Decoder::new(DecodeOptions::default().with_limits(limits));
    let mut batch = SpanBatch::new();
    for _ in 0..3 {
        let results = [&body, &deep].map(|body| {
            let mut fresh =
                Decoder::new(DecodeOptions::default().with_limits(limits).with_general_path(true));
            let expected = fresh.decode(body.clone(), &mut SpanBatch::new());
            assert_eq!(decoder.decode(body.clone(), &mut batch), expected);
            expected.is_ok()
        });
        assert_eq!(results, [true, false]);
    }
}

#[test]
fn several_writers_are_known_and_one_that_never_comes_again_costs_little() {
    let mut decoder = Decoder::default();
    let mut batch = SpanBatch::new();
    let count = |number: usize| format!(r#"{{"droppedAttributesCount":{number}}}"#);
    decoder.decode(request("{}", "{}"), &mut batch).unwrap();
    for number in (0..WAYS).cycle().take(3 * WAYS) {
        decoder.decode(request(&count(number), "{}"), &mut batch).unwrap();
    }
    let learned = |decoder: &Decoder| {
        let known = &decoder.scratch.recurring.owners[Owner::Resource as usize].known;
        let mut all: Vec<_> =
            known.iter().map(|it| it.became.introduction.dropped_attributes_count).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(learned(&decoder), [0, 1, 2, 3]);
    assert!(decoder.scratch.recurring.owners.iter().all(|kept| kept.barren == 0));
    for number in 100..100 + SELDOM as usize {
        decoder.decode(request(&count(number), "{}"), &mut batch).unwrap();
    }
    // Those that it was patient with, and the one whose turn it was.
    assert_eq!(learned(&decoder), [101, 102, 103, 99 + SELDOM]);
    // One that comes again after them is known the second time that it is learned, at the latest.
    for _ in 0..=SELDOM {
        decoder.decode(request("{}", "{}"), &mut batch).unwrap();
    }
    assert_eq!(decoder.scratch.recurring.owners[0].barren, 0);
}

#[test]
fn what_has_a_line_feed_is_forgotten_before_lines_are_read() {
    let mut decoder = Decoder::default();
    let mut batch = SpanBatch::new();
    let request = |resource: &str| format!(r#"{{"resourceSpans":[{{"resource":{resource}}}]}}"#);
    // The line feed is not in what else is learned: between members, and in attributes.
    let resource = "{\"attributes\":[\n]}";
    for _ in 0..3 {
        decoder.decode(request(resource), &mut batch).unwrap();
    }
    assert_eq!(known(&decoder, Owner::Resource), 1);
    let lines = format!("{}\n{}\n{}\n", request("{}"), request(resource), request("{}"));
    decoder.decode_block(lines, Framing::Lines, &mut batch).unwrap();
    assert_eq!((batch.resources().len(), batch.bad_documents()), (2, 2));
}
