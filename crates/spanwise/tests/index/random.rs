//! Spans and queries by chance, out of so few names and values that they meet.

use spanwise::SpanBatch;

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound` (splitmix64).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % bound
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

const KEYS: [&str; 6] = ["a", "b", "c", "d e", "a-b", "f"];
const SCALARS: [&str; 20] = [
    r#""stringValue":"x""#,
    r#""stringValue":"y""#,
    r#""stringValue":"""#,
    r#""stringValue":"x\ny""#,
    r#""stringValue":"a longer text""#,
    r#""stringValue":"1""#,
    r#""intValue":"0""#,
    r#""intValue":"1""#,
    r#""intValue":"2""#,
    r#""intValue":"-7""#,
    r#""intValue":"9007199254740993""#,
    r#""doubleValue":1.0"#,
    r#""doubleValue":1.5"#,
    r#""doubleValue":-0.0"#,
    r#""doubleValue":"NaN""#,
    r#""doubleValue":"Infinity""#,
    r#""boolValue":true"#,
    r#""boolValue":false"#,
    r#""bytesValue":"AQI=""#,
    "",
];

fn value(random: &mut Random) -> String {
    match random.below(10) {
        0 | 1 => {
            let elements: Vec<String> =
                (0..random.below(4)).map(|_| format!("{{{}}}", random.pick(&SCALARS))).collect();
            format!(r#"{{"arrayValue":{{"values":[{}]}}}}"#, elements.join(","))
        }
        2 if random.one_in(3) => {
            format!(r#"{{"kvlistValue":{{"values":[{{"key":"a","value":{{{}}}}}]}}}}"#, random.pick(&SCALARS))
        }
        2 if random.one_in(2) => format!(r#"{{"stringValue":"{}"}}"#, "long ".repeat(1000)),
        _ => format!("{{{}}}", random.pick(&SCALARS)),
    }
}

fn attributes(random: &mut Random) -> String {
    let pairs: Vec<String> = (0..random.below(5))
        .map(|_| format!(r#"{{"key":"{}","value":{}}}"#, random.pick(&KEYS), value(random)))
        .collect();
    format!(r#""attributes":[{}]"#, pairs.join(","))
}

fn span(random: &mut Random) -> String {
    let trace = random.pick(&[
        "00000000000000000000000000000001",
        "00000000000000000000000000000002",
        "my trace",
        "",
    ]);
    let ids = ["0000000000000001", "0000000000000002", "0000000000000003", "0000000000000004", "my span", ""];
    let start = random.pick(&[0, 1000, 2000, 5_000_000_000u64]);
    let end = start + random.pick(&[0, 1, 1000, 1_000_000_000]);
    let events: Vec<String> = (0..random.below(3))
        .map(|_| {
            let time = start + random.pick(&[0, 500]);
            format!(
                r#"{{"timeUnixNano":"{time}","name":"{}",{}}}"#,
                random.pick(&["x", "y"]),
                attributes(random)
            )
        })
        .collect();
    let links: Vec<String> = (0..random.below(3))
        .map(|_| {
            let id = random.pick(&ids);
            format!(r#"{{"traceId":"{trace}","spanId":"{id}",{}}}"#, attributes(random))
        })
        .collect();
    let (kind, status) = (random.below(8), random.below(4));
    let message = random.pick(&["", "x", "failed"]);
    let (id, parent) = (random.pick(&ids), random.pick(&ids));
    let name = random.pick(&["x", "y", "chat", r"a\nb"]);
    format!(
        r#"{{"traceId":"{trace}","spanId":"{id}","parentSpanId":"{parent}","name":"{name}","kind":{kind},
        "startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","status":{{"code":{status},"message":"{message}"}},
        {},"events":[{}],"links":[{}]}}"#,
        attributes(random),
        events.join(","),
        links.join(",")
    )
}

/// A few batches.
pub(crate) fn documents(random: &mut Random) -> Vec<SpanBatch> {
    let document = |random: &mut Random| {
        let resources: Vec<String> = (0..random.below(3))
            .map(|_| {
                let scopes: Vec<String> = (0..=random.below(2))
                    .map(|_| {
                        let spans: Vec<String> = (0..random.below(6)).map(|_| span(random)).collect();
                        let name = random.pick(&["", "x", "lib"]);
                        format!(
                            r#"{{"scope":{{"name":"{name}","version":"1",{}}},"spans":[{}]}}"#,
                            attributes(random),
                            spans.join(",")
                        )
                    })
                    .collect();
                let mut own = attributes(random);
                if random.one_in(2) {
                    let service = random.pick(&["x", "web"]);
                    own = format!(
                        r#""attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]"#
                    );
                }
                format!(r#"{{"resource":{{{own}}},"scopeSpans":[{}]}}"#, scopes.join(","))
            })
            .collect();
        format!(r#"{{"resourceSpans":[{}]}}"#, resources.join(","))
    };
    (0..4).map(|_| spanwise::decode(document(random).into_bytes()).unwrap()).collect()
}

fn attribute(random: &mut Random, repeated: bool) -> String {
    let scopes: &[&str] = if repeated {
        &[".", "span.", "resource.", "instrumentation.", "event.", "link."]
    } else {
        &[".", "span.", "resource.", "instrumentation."]
    };
    let key = random.pick(&KEYS);
    format!(
        "{}{}",
        random.pick(scopes),
        if key.contains(' ') { format!("\"{key}\"") } else { key.to_owned() }
    )
}

fn text(random: &mut Random) -> &'static str {
    random.pick(&[
        r#""x""#,
        r#""y""#,
        r#""""#,
        r#""x\ny""#,
        r#""a longer text""#,
        r#""1""#,
        r#""chat""#,
        r#""web""#,
        r#""my span""#,
        r#""0000000000000001""#,
        r#""00000000000000000000000000000001""#,
        r#""my trace""#,
    ])
}

fn number(random: &mut Random) -> &'static str {
    random.pick(&[
        "0",
        "1",
        "2",
        "-7",
        "1.0",
        "1.5",
        "1us",
        "1s",
        "9007199254740992",
        "9007199254740993",
        "0.5",
        "1e300",
    ])
}

fn comparison(random: &mut Random) -> &'static str {
    random.pick(&["=", "!=", "<", "<=", ">", ">="])
}

fn equality(random: &mut Random) -> &'static str {
    random.pick(&["=", "!="])
}

fn regex(random: &mut Random) -> &'static str {
    random.pick(&[
        r#""x""#,
        r#"".*""#,
        r#""x.*""#,
        r#""[xy]|chat""#,
        r#""(?i)LONG .*""#,
        r#""""#,
        r#""my .*""#,
    ])
}

fn computed(random: &mut Random, depth: u32) -> String {
    match random.below(if depth == 0 { 3 } else { 5 }) {
        0 if depth > 0 => number(random).to_owned(),
        0 | 1 => attribute(random, false),
        2 => random.pick(&["duration", "span:childCount", "traceDuration"]).to_owned(),
        3 => format!("-({})", computed(random, depth - 1)),
        _ => {
            let sign = random.pick(&["+", "-", "*", "/", "%", "^"]);
            format!("({} {sign} {})", computed(random, depth - 1), computed(random, depth - 1))
        }
    }
}

fn test(random: &mut Random) -> String {
    match random.below(14) {
        0 | 1 => format!("{} {} {}", attribute(random, true), comparison(random), text(random)),
        2 | 3 => format!("{} {} {}", attribute(random, true), comparison(random), number(random)),
        4 => format!(
            "{} {} {}",
            attribute(random, true),
            equality(random),
            random.pick(&["true", "false", "ok", "server"])
        ),
        5 => format!("{} {} {}", attribute(random, true), random.pick(&["=~", "!~"]), regex(random)),
        6 => format!("{} {} nil", attribute(random, true), equality(random)),
        7 => {
            let field = random.pick(&[
                "name",
                "statusMessage",
                "span:id",
                "span:parentID",
                "trace:id",
                "rootName",
                "rootServiceName",
                "event:name",
                "link:traceID",
                "link:spanID",
                "instrumentation:name",
                "instrumentation:version",
            ]);
            match random.below(6) {
                0 => format!("{field} {} {}", random.pick(&["=~", "!~"]), regex(random)),
                1 => format!("{field} {} nil", equality(random)),
                _ => format!("{field} {} {}", comparison(random), text(random)),
            }
        }
        8 => {
            let field = random.pick(&["duration", "childCount", "traceDuration", "event:timeSinceStart"]);
            format!("{field} {} {}", comparison(random), number(random))
        }
        9 => format!("status {} {}", equality(random), random.pick(&["ok", "error", "unset"])),
        10 => format!("kind {} {}", equality(random), random.pick(&["server", "client", "unspecified"])),
        11 => format!("{} {} {}", computed(random, 2), comparison(random), computed(random, 2)),
        12 => format!("{} {} {}", text(random), comparison(random), attribute(random, true)),
        _ => format!("{}{}", random.pick(&["", "!", "!!"]), attribute(random, true)),
    }
}

fn filter(random: &mut Random, depth: u32) -> String {
    match random.below(if depth == 0 { 1 } else { 4 }) {
        0 | 1 => test(random),
        2 => format!("!({})", filter(random, depth - 1)),
        _ => {
            let sign = random.pick(&["&&", "||"]);
            format!("({}) {sign} {}", filter(random, depth - 1), filter(random, depth - 1))
        }
    }
}

fn spanset(random: &mut Random, depth: u32) -> String {
    if depth == 0 || random.one_in(3) {
        return format!("{{ {} }}", filter(random, 2));
    }
    let sign = random.pick(&["&&", "||", ">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~"]);
    format!("({}) {sign} ({})", spanset(random, depth - 1), spanset(random, depth - 1))
}

/// A query that the parser takes.
pub(crate) fn query(random: &mut Random) -> String {
    if !random.one_in(3) {
        return format!("{{ {} }}", filter(random, 2));
    }
    let mut query = spanset(random, 2);
    for _ in 0..random.below(3) {
        let stage = match random.below(5) {
            0 => format!("count() {} {}", comparison(random), random.below(4)),
            1 => {
                let aggregate = random.pick(&["avg", "min", "max", "sum"]);
                let mut of = computed(random, 0);
                if random.one_in(3) {
                    of.push_str(random.pick(&[" - 1", " * 2 / span.a", " + duration"]));
                }
                format!("{aggregate}({of}) {} {}", comparison(random), number(random))
            }
            2 => {
                let field = attribute(random, false);
                let field =
                    random.pick(&[&*field, &field, &field, "name", "rootName", "rootServiceName", "span:id"]);
                let field =
                    random.pick(&[field, field, "status", "kind", "childCount", "traceDuration", "duration"]);
                format!("by({field})")
            }
            3 if random.one_in(4) => "coalesce()".to_owned(),
            3 => format!("sum(duration) {} {}", comparison(random), number(random)),
            _ => spanset(random, 1),
        };
        query.push_str(&format!(" | {stage}"));
    }
    query
}
