//! What counts as a request, by small traces.

use super::*;

mod later;

/// `id parent model usage operation answer library trace`, a span each; `-` for none. Usage is tokens in, or these, tokens out,
/// tokens in all and cost, with slashes. A span starts at its id, and all end at 1000. All are of one trace where none is said.
fn counted(spans: &[&str]) -> Vec<usize> {
    counted_of_lots(&[spans])
}

/// The same where each lot is told of before the next comes.
fn counted_of_lots(lots: &[&[&str]]) -> Vec<usize> {
    let mut requests = Requests::default();
    for (number, lot) in lots.iter().enumerate() {
        if number > 0 {
            requests.settle();
        }
        let first = requests.spans();
        add(&mut requests, lot, first);
    }
    requests.counted().collect()
}

fn add(requests: &mut Requests, spans: &[&str], first: usize) {
    for (at, line) in (first..).zip(spans) {
        let mut words = line.split(' ').map(|word| if word == "-" { "" } else { word });
        let (id, parent) = (words.next().unwrap(), words.next().unwrap());
        let mut attributes = Vec::new();
        let (model, usage, operation) = (words.next(), words.next(), words.next());
        let (answer, library) = (words.next(), words.next().unwrap_or_default());
        let trace = words.next().unwrap_or("0af7651916cd43dd8448eb211c80319c");
        let usage = usage.unwrap_or_default().split('/');
        let usage = usage.zip(["input_tokens", "output_tokens", "total_tokens", "total_cost"]);
        let usage = usage.map(|(value, name)| (format!("gen_ai.usage.{name}"), value));
        let is_logfire = matches!(operation, Some("span" | "log" | "pending_span"));
        let texts = [
            ("gen_ai.request.model", model),
            (if is_logfire { "logfire.span_type" } else { "gen_ai.operation.name" }, operation),
            ("gen_ai.response.id", answer),
        ];
        let texts = texts.map(|(key, value)| (key.to_owned(), value.unwrap_or_default()));
        for (key, value) in texts.into_iter().chain(usage).filter(|(_, value)| !value.is_empty()) {
            attributes.push(format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#));
        }
        let hex = |id: &str| if id.is_empty() { String::new() } else { format!("{id:0>16}") };
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"scope":{{"name":"{library}"}},"spans":[{{
                "traceId":"{trace}","spanId":"{}","parentSpanId":"{}","startTimeUnixNano":"{}","endTimeUnixNano":"1000",
                "attributes":[{}]}}]}}]}}]}}"#,
            hex(id),
            hex(parent),
            if id.is_empty() { at.to_string() } else { id.to_owned() },
            attributes.join(",")
        );
        let batch = crate::decode(body.into_bytes()).unwrap();
        requests.add_batch(&batch);
    }
    assert_eq!(requests.spans(), first + spans.len());
}

#[test]
fn usage_counts_at_the_topmost_span_that_carries_it() {
    assert_eq!(counted(&["1 - heron 9", "2 1 heron 9"]), [0]);
    assert_eq!(counted(&["2 1 heron 9", "1 - heron 9"]), [1], "children first");
    assert_eq!(counted(&["1 - heron 9", "2 1 - -", "3 2 - -", "4 3 heron 9"]), [0], "spans in between");
    assert_eq!(counted(&["1 - - -", "2 1 heron 9", "3 1 heron 5"]), [1, 2], "siblings");
    assert_eq!(counted(&["1 - heron 0", "2 1 heron 9"]), [1], "zeros carry nothing");
    assert_eq!(counted(&["1 7 heron 9"]), [0], "the parent was never sent");
}

#[test]
fn a_span_that_includes_those_below_it_stands_for_them() {
    assert_eq!(counted(&["1 - heron 9/3//0.5", "2 1 heron 9/3//0.5"]), [0], "the same");
    assert_eq!(counted(&["1 - owl/heron 9/3", "2 1 heron-2026-11-01 9/3"]), [0], "a longer name");
    assert_eq!(counted(&["1 - heron 30/3", "2 1 heron 10/1", "3 1 heron 20/2"]), [0], "a sum");
    assert_eq!(counted(&["1 - heron 30/3", "2 1 heron 10/1"]), [0], "calls that were not sent");
    assert_eq!(counted(&["1 - - 30/3", "2 1 heron 10/1"]), [0], "calls that were not sent, of any model");
    assert_eq!(counted(&["1 - heron 9/3//0.5", "2 1 heron 9/3"]), [0], "and says more");
    assert_eq!(counted(&["1 - heron 9/3", "2 1 - 9/3"]), [0], "and names the model");
    assert_eq!(
        counted(&["1 - heron 9/3//0.3", "2 1 heron 4/1//0.1", "3 1 heron 5/2//0.2"]),
        [0],
        "0.1 + 0.2"
    );
    assert_eq!(counted(&["1 - - 60/6", "2 1 heron 50/5", "3 2 heron 20/2"]), [0], "at every level");
}

#[test]
fn spans_below_stand_for_what_one_above_tells_a_part_of() {
    let calls = ["2 1 heron 10/1//0.1", "3 1 owl 20/2//0.2"];
    let under = |agent| counted(&[agent, calls[0], calls[1]]);
    assert_eq!(under("1 - - 30/3"), [1, 2], "which models they are");
    assert_eq!(under("1 - - 30/3//0.3"), [1, 2], "the same sums of no model");
    assert_eq!(under("1 - heron 30/3//0.3"), [1, 2], "the same sums of two models");
    assert_eq!(under("1 - - 5/1"), [1, 2], "less than they");
    assert_eq!(under("1 - - //33"), [1, 2], "a total alone");
    assert_eq!(under("1 - heron 30/3"), [1, 2], "the same sums without a cost");
    assert_eq!(counted(&["1 - heron 20/2", "2 1 heron 10/1", "3 1 heron 20/2"]), [1, 2], "the last step");
    assert_eq!(counted(&["1 - heron 9/3", "2 1 heron 9/3//0.5"]), [1], "the cost as well");
    assert_eq!(counted(&["1 - heron //12", "2 1 heron 9/3"]), [1], "a total alone of one call");
    assert_eq!(counted(&["1 - heron 60/6", "2 1 heron 10/1//0.1", "3 1 heron 20/2//0.2"]), [1, 2], "a cost");
    assert_eq!(under("1 - - 60/6"), [1, 2], "a cost, whatever else was not sent");
    assert_eq!(under("1 - - 30/3//0.31"), [1, 2], "a fee");
    assert_eq!(under("1 - - 29/4//0.31"), [1, 2], "figures that do not agree");
    assert_eq!(counted(&["1 - heron 100/12", "2 1 heron 103/10"]), [1], "an estimate");
    assert_eq!(counted(&["1 - heron 1000/50", "2 1 heron 200/50//0.01"]), [1], "what was cached");
    assert_eq!(counted(&["1 - heron 10/35", "2 1 heron 10/5/45/0.1"]), [1], "what was thought");
    assert_eq!(counted(&["1 - prod-chat 20/2", "2 1 heron 10/1", "3 1 heron 20/2"]), [1, 2], "an alias");
    assert_eq!(counted(&["1 - prod-chat //22", "2 1 heron 10/1", "3 1 heron 20/2"]), [1, 2], "its total");
    assert_eq!(counted(&["1 - prod-chat 10/5", "2 1 heron 10/35"]), [1], "without what was thought");
    assert_eq!(counted(&["1 - heron 20/2//0.3", "2 1 heron 10/1", "3 1 heron 20/2"]), [0], "the cost of all");
    assert_eq!(counted(&["1 - heron 100", "2 1 heron 50//50"]), [0], "a sum that is no more");
}

#[test]
fn running_totals_between_a_sum_and_its_calls_are_not_counted() {
    let run = |root: &str, run: &str, costs: [&str; 3]| {
        let [a, b, c] = costs;
        let calls =
            [format!("2 1 heron 100/10{a}"), format!("4 3 {run} 50/5{b}"), format!("5 1 heron 200/20{c}")];
        let above = format!("3 1 {run} 150/15");
        counted(&[root, &calls[0], &above, &calls[1], &calls[2]])
    };
    assert_eq!(run("1 - heron 350/35", "owl", ["", "", ""]), [1, 3, 4]);
    assert_eq!(run("1 - heron 350/35", "heron", ["", "", ""]), [0]);
    assert_eq!(run("1 - heron 350/35", "owl", ["//0.1", "//0.05", "//0.2"]), [1, 3, 4]);
    assert_eq!(run("1 - heron 350/35", "heron", ["//0.1", "//0.05", "//0.2"]), [1, 3, 4]);
    assert_eq!(run("1 - heron 350/35//0.35", "owl", ["", "", ""]), [0]);
    // The wrapper of it all stands for the same.
    assert_eq!(counted(&["1 - heron 150/15", "2 1 heron 150/15", "3 2 heron 100/10", "4 2 heron 50/5"]), [0]);
}

#[test]
fn spans_that_tell_of_something_else_all_count() {
    assert_eq!(counted(&["1 - heron 30/3", "2 1 - -", "3 2 owl 500/50"]), [0, 2], "an agent that calls one");
    assert_eq!(counted(&["1 - gpt-4.1 30/3", "2 1 gpt-4.1-mini 500/50"]), [0, 1], "like names");
    let agents: Vec<String> = (2..30).map(|id| format!("{id} 1 m{id} 10/1")).collect();
    let all: Vec<&str> = std::iter::once("1 - m1 20/2").chain(agents.iter().map(String::as_str)).collect();
    assert_eq!(counted(&all), (0..29).collect::<Vec<_>>(), "very many agents");
    assert_eq!(
        counted(&["1 - heron 9/3", "2 1 heron 9/3", "3 1 - -", "4 3 owl 500/50", "5 3 - 2"]),
        [0, 3, 4],
        "its own call and others"
    );
    assert_eq!(
        counted(&["1 - owl 500/50", "2 1 heron 9/3", "3 2 heron 9/3", "4 2 owl 500/50"]),
        [0, 1],
        "at two levels"
    );
    assert_eq!(counted(&["1 - - ///0.7", "2 1 heron 10/1"]), [0, 1], "a cost above and tokens below");
    assert_eq!(counted(&["1 - heron 64///0.7", "2 1 heron /21"]), [0, 1], "tokens in above and out below");
    assert_eq!(
        counted(&["1 - - 600/60", "2 1 heron 30/3", "3 2 owl 500/50"]),
        [0],
        "both are included further up"
    );
}

#[test]
fn very_many_models_and_very_deep_trees_are_told() {
    let models: Vec<String> = (2..40).map(|id| format!("{id} 1 m{id} 10/1")).collect();
    let lines: Vec<&str> = std::iter::once("1 - - 5/1").chain(models.iter().map(String::as_str)).collect();
    assert_eq!(counted(&lines), (1..39).collect::<Vec<_>>());
    let depth = 300;
    let deep: Vec<String> = (1..=depth).map(|id| format!("{id} {} heron 9/3", id - 1)).collect();
    assert_eq!(counted(&deep.iter().map(String::as_str).collect::<Vec<_>>()), [0]);
}

/// Those that count, which are the same where the spans come in this order.
fn counted_in_any_order(
    spans: &[&str],
    order: Vec<usize>,
) -> Result<Vec<usize>, proptest::test_runner::TestCaseError> {
    let order: Vec<usize> = order.into_iter().filter(|at| *at < spans.len()).collect();
    let shuffled: Vec<&str> = order.iter().map(|at| spans[*at]).collect();
    let expected = counted(spans);
    let mut found: Vec<usize> = counted(&shuffled).into_iter().map(|at| order[at]).collect();
    found.sort_unstable();
    proptest::prop_assert_eq!(&found, &expected);
    Ok(expected)
}

proptest::proptest! {
    /// Which spans count does not depend on the order in which they come, and every call is told of by itself, or by one
    /// above or below it.
    #[test]
    fn spans_may_come_in_any_order(
        spans in proptest::collection::vec((0..14usize, 0..4usize, 0..4u32, 0..3u32, 0..3u32), 1..14),
        order in proptest::prelude::Strategy::prop_shuffle(proptest::prelude::Just((0..14).collect::<Vec<usize>>())),
    ) {
        let names = ["-", "heron", "heron-2026-11-01", "owl"];
        let parent = |at: usize, parent: usize| if parent < at { (parent + 1).to_string() } else { "-".to_owned() };
        let lines: Vec<String> = spans.iter().enumerate().map(|(at, (above, model, input, output, cost))| {
            let usage = format!("{}/{}//{}", input * 10, output, cost);
            format!("{} {} {} {usage}", at + 1, parent(at, *above), names[*model])
        }).collect();
        let all: Vec<&str> = lines.iter().map(String::as_str).collect();
        let expected = counted_in_any_order(&all, order)?;
        let carries = |at: usize| { let (_, _, input, output, cost) = spans[at]; input + output + cost > 0 };
        let above = |at: usize| Some(spans[at].0).filter(|parent| *parent < at);
        let line = |at: usize| std::iter::successors(Some(at), |at| above(*at));
        for at in (0..spans.len()).filter(|at| carries(*at)) {
            let told = line(at).any(|place| expected.contains(&place))
                || expected.iter().any(|place| line(*place).any(|above| above == at));
            proptest::prop_assert!(told, "{} of {:?}: {:?}", at, all, expected);
        }
    }
}

proptest::proptest! {
    /// Nor does it where several libraries tell of the same requests, and steps and tools do. Every answer that some span
    /// tells of is told of by one that counts, by itself or below or above one.
    #[test]
    fn spans_of_several_libraries_may_come_in_any_order(
        spans in proptest::collection::vec((0..10usize, 0..3usize, 0..3u32, 0..2u32, 0..6usize, 0..3usize, 0..3u32), 1..10),
        order in proptest::prelude::Strategy::prop_shuffle(proptest::prelude::Just((0..10).collect::<Vec<usize>>())),
    ) {
        let operation = ["-", "chat", "execute_tool", "chain", "span", "log"];
        let parent = |at: usize, parent: usize| if parent < at { (parent + 1).to_string() } else { "-".to_owned() };
        let lines: Vec<String> = spans.iter().enumerate().map(|(at, span)| {
            let (above, model, input, output, kind, answer, library) = *span;
            let (model, answer) = (["-", "heron", "owl"][model], ["-", "a", "b"][answer]);
            let (parent, operation) = (parent(at, above), operation[kind]);
            format!("{} {parent} {model} {input}/{output} {operation} {answer} l{library}", at + 1)
        }).collect();
        let all: Vec<&str> = lines.iter().map(String::as_str).collect();
        let expected = counted_in_any_order(&all, order)?;
        let carries = |at: &usize| spans[*at].2 + spans[*at].3 > 0;
        proptest::prop_assert_eq!((0..spans.len()).any(|at| carries(&at)), expected.iter().any(carries), "{:?}", all);
    }
}

#[test]
fn one_request_that_two_libraries_tell_of_counts_once() {
    assert_eq!(counted(&["1 - - -", "2 1 owl 9/3 - a x", "3 1 owl 9/3/12 - a y"]), [1], "the first");
    assert_eq!(counted(&["1 - - -", "2 1 owl 9/3 - a x", "3 1 owl 9/3//0.5 - a y"]), [2], "the cost");
    assert_eq!(counted(&["1 - owl 9/3 - a x", "2 - owl 9/4 - a y"]), [0], "what was thought");
    assert_eq!(counted(&["1 - owl 9/3 - a x", "2 - owl 7/4 - a y"]), [0, 1], "an id by chance");
    assert_eq!(counted(&["1 - owl 9/3 - a x", "2 - owl 9/3 - a x"]), [0, 1], "one library");
    assert_eq!(
        counted(&["1 - owl 9/3 - a x", "2 - owl 9/3 - a x", "3 - owl 9/3//1 - a y"]),
        [0, 1],
        "who tells of most"
    );
    assert_eq!(
        counted(&[
            "1 - owl 30/3 - b x",
            "2 1 owl 10/1 - a x",
            "3 1 owl 20/2 - b x",
            "4 - owl 20/2//0.5 - b y"
        ]),
        [0, 3],
        "a run is no repetition of its last call"
    );
    let agent = [
        "1 - owl 30/3",
        "2 1 owl 10/1 - a x",
        "3 1 owl 10/1 - a y",
        "4 1 owl 20/2 - b x",
        "5 1 owl 20/2 - b y",
    ];
    assert_eq!(counted(&agent), [0], "and the run that includes them counts as if there were one");
}

#[test]
fn what_was_asked_for_and_what_answered_are_one_model() {
    let call = "2 1 heron 9/3 - - x";
    assert_eq!(counted(&["1 - - -", call, "3 1 heron-2026-01-01 9/3 - - y"]), [1]);
    assert_eq!(counted(&["1 - - -", call, "3 1 owl/heron 9/3 - - y"]), [1]);
    assert_eq!(counted(&["1 - - -", call, "3 1 owl 9/3 - - y"]), [1, 2]);
    let dates = ["1 - - -", "2 1 heron-2026-01-01 9/3 - - x", "3 1 heron-2026-02-02 9/3 - - y"];
    assert_eq!(counted(&dates), [1, 2]);
}

#[test]
fn a_library_may_have_a_tree_beside_that_of_another() {
    let chain = ["1 - - -", "2 1 - -", "3 2 - -", "4 3 heron 9/3 chat - x"];
    let beside = |call: &str| counted(&[&chain[..], &[call]].concat());
    assert_eq!(beside("5 1 heron 9/3 - - y"), [3], "a call of the application");
    assert_eq!(beside("5 1 heron-2026-01-01 9/3//0.5 - - y"), [4], "that says more");
    assert_eq!(beside("5 2 heron 9/3 - - y"), [3], "of a chain");
    assert_eq!(beside("5 1 heron 9/4 - - y"), [3, 4], "with other figures");
    assert_eq!(beside("5 1 heron 9/3 - - x"), [3, 4], "of one library");
    assert_eq!(beside("5 9 heron 9/3 - - y"), [3, 4], "of another tree");
    assert_eq!(beside("5 - heron 9/3 - - y"), [3, 4], "of none");
    let chains = [&chain[..], &["5 1 - -", "6 5 heron 9/3 chat - y"]].concat();
    assert_eq!(counted(&chains), [3, 5], "of a chain beside it");
    let below = ["1 - - -", "2 1 heron 9/3//1 chat - x", "3 2 heron 9/3 chat - y"];
    assert_eq!(counted(&below), [1], "below it is none of its own");
    let calls =
        [&chain[..], &["5 3 heron 9/3 chat - x", "6 1 heron 9/3 - - y", "7 1 heron 9/3 - - y"]].concat();
    assert_eq!(counted(&calls), [3, 4], "call by call");
    let tool = [&chain[..], &["5 1 heron 9/3 - - y", "6 5 - - execute_tool", "7 6 heron 4/1 - - y"]].concat();
    assert_eq!(counted(&tool), [3, 6], "and what a tool spends counts");
}

#[test]
fn calls_at_the_same_time_are_told_each_by_its_own() {
    let nested = [
        "1 - - - invoke_agent",
        "2 1 m 10/5 chat - x",
        "3 2 m 10/5 chat - y",
        "4 1 m 10/5 chat - x",
        "5 4 m 10/5 chat - y",
    ];
    assert_eq!(counted(&nested), [1, 3], "a framework's, above those of its client");
    let quiet = [
        "1 - - - invoke_agent",
        "2 1 m 10/5 chat - x",
        "3 2 m - chat - y",
        "4 1 m 10/5 chat - x",
        "5 4 m - chat - y",
    ];
    assert_eq!(counted(&quiet), [1, 3], "which do not say what they took");
    let two = ["1 - - -", "2 1 - -", "3 2 m 10/5 chat - x", "4 1 m 10/5 chat - y", "5 1 m 10/5 chat - y"];
    assert_eq!(counted(&two).len(), 2, "two calls of a library, one of which another tells of");
    let twin = ["1 - - -", "2 1 m 10/5 chat - x", "3 1 m 10/5 chat - y", "4 1 - -", "5 4 m 10/5 chat - y"];
    assert_eq!(counted(&twin).len(), 2, "a twin, and a call of its library elsewhere");
}

#[test]
fn who_does_not_say_what_a_call_took_tells_of_the_same() {
    let stream = "2 1 heron 9/3 chat - x";
    assert_eq!(counted(&["1 - - -", stream, "3 1 heron-2026-01-01 - chat a y"]), [1]);
    assert_eq!(counted(&["1 - - -", "2 1 heron - chat a y", "3 1 heron 9/3 chat - x"]), [2], "around it");
    assert_eq!(
        counted(&["1 - - -", "2 1 heron 9/3 chat a x", "3 1 heron - chat b y"]),
        [1, 2],
        "other answers"
    );
    assert_eq!(counted(&["1 - - -", stream, "3 1 heron - chat - x"]), [1, 2], "one library: it failed");
    assert_eq!(counted(&["1 - - -", stream, "3 1 owl - chat - y"]), [1, 2], "another model");
    let retried = ["1 - - -", stream, "3 1 heron - chat - y", "4 1 heron 9/3 chat - y"];
    assert_eq!(counted(&retried), [1, 2], "it failed once");
}

#[test]
fn one_answer_in_two_traces_counts_once() {
    let (x, y) = ("1 - heron 9/3 chat a x t", "2 - heron 9/4//0.5 chat a y u");
    assert_eq!(counted(&[x, y]), [1]);
    assert_eq!(counted(&[y, x]), [0]);
    assert_eq!(counted(&[x, "2 - heron 9/4 chat b y u"]), [0, 1], "other answers");
    assert_eq!(counted(&[x, "2 - heron 7/4 chat a y u"]), [0, 1], "an id by chance");
    assert_eq!(counted(&[x, "2 - heron 9/3 chat a x u"]), [0, 1], "one library");
    assert_eq!(counted(&[x, "2 - owl 9/3 chat a y u"]), [0, 1], "another model");
    assert_eq!(counted(&[x, "2 - heron-2026-01-01 9/3 chat a y u"]), [0], "of another date");
    assert_eq!(counted(&[x, "1001 - heron 9/3 chat a y u"]), [0, 1], "at another time");
    assert_eq!(
        counted(&[x, "3 4 heron 9/3 chat a y u", "4 - heron 20/8 invoke_agent - y u"]),
        [0, 2],
        "a run has more"
    );
    assert_eq!(counted(&[x, y, "3 2 heron 2/1 chat - y u"]), [1], "and what is below it");
}

#[test]
fn the_beginning_of_a_span_is_none_where_the_span_has_come() {
    let run = [
        "1 - heron 5/1 invoke_agent",
        "2 1 heron - pending_span",
        "3 1 heron 9/3 chat",
        "4 1 heron 5/1 chat",
    ];
    assert_eq!(counted(&run), [2, 3]);
    assert_eq!(counted(&["2 1 heron - pending_span"]), [0], "it never came");
}

#[test]
fn calls_count_and_not_the_run_whether_or_not_they_say_what_they_took() {
    let run = "1 - heron - invoke_agent";
    assert_eq!(counted(&[run, "2 1 heron - chat", "3 1 heron - chat"]), [1, 2]);
    assert_eq!(counted(&[run, "2 1 - -", "3 2 heron - generate_content"]), [2]);
    assert_eq!(counted(&[run, "2 1 heron 9/3 chat", "3 1 heron - chat"]), [1, 2]);
    assert_eq!(counted(&[run, "2 1 heron -"]), [0], "what is no call by its operation");
    assert_eq!(counted(&[run]), [0]);
    assert_eq!(counted(&["1 - heron -", "2 1 heron - chat"]), [0], "a gateway and its attempt");
}

#[test]
fn sums_that_go_on_from_run_to_run_are_none_of_their_own() {
    let conversation = ["1 - heron 60/6 conversation", "2 1 heron 10/1 chat", "3 1 heron 20/2 chat"];
    assert_eq!(counted(&conversation), [1, 2]);
    assert_eq!(counted(&conversation[..1]), [0], "where nothing else says it");
}

#[test]
fn usage_is_not_lost_to_one_that_tells_the_same_and_carries_none() {
    let below = ["1 - owl - - b x", "2 - - /1 - b x", "3 2 owl /1 - b y"];
    assert_eq!(counted(&below), [2], "it lies below one of the library that is not heard");
    let more = ["1 - owl - - b x", "2 - owl - - b x", "3 - owl 9/3 - b y"];
    assert_eq!(counted(&more), [2], "the other tells of more");
    let some = ["1 - owl - - b x", "2 - owl 9/3 - b x", "3 - owl 7/2 - b y"];
    assert_eq!(counted(&some), [0, 1, 2], "other figures");
    let stream = ["1 - - -", "2 1 owl - span", "3 2 owl 9/3 - b y", "4 1 owl - log"];
    assert_eq!(counted(&stream), [2, 3], "the log of a stream does not say it");
    let told = ["1 - - -", "2 1 owl - span", "3 2 owl 9/3 - b y", "4 1 owl 9/3 log"];
    assert_eq!(counted(&told), [3], "it does");
}

#[test]
fn spans_of_several_scopes_that_tell_of_several_requests_all_count() {
    assert_eq!(counted(&["1 - - -", "2 1 owl 9/3 - a x", "3 1 owl 9/3 - b y"]), [1, 2], "other answers");
    assert_eq!(counted(&["1 - - -", "2 1 owl - - a x", "3 1 owl - - b y"]), [1, 2], "of streams, too");
    assert_eq!(counted(&["1 - - -", "2 1 owl 9/3 - - x", "3 1 owl 9/3 - b y"]), [1], "one says none");
    assert_eq!(counted(&["1 - owl 9/3 - None x", "2 - owl 8/3 - None y"]), [0, 1], "no id");
    let run = ["1 - - -", "2 1 owl - invoke_agent - x", "3 2 owl 9/3 chat a x", "4 1 owl - - b y"];
    assert_eq!(counted(&run), [2, 3], "a run did not fail");
    let below =
        ["1 - - -", "2 1 owl 9/3//1 - - x", "3 1 owl 9/3 - - y", "4 3 owl - - - y", "5 3 owl 4/1 - - z"];
    assert_eq!(counted(&below), [1], "what lies below one that is not heard is not heard either");
    // It tells of the last call alone, and so of nothing else that is below it.
    let run = ["1 - - -", "4 1 owl 9/3 invoke_agent - y", "5 4 owl 50/20 chat - y", "6 4 owl 9/3 chat - y"];
    let twice = [&run[..], &["7 1 owl 9/3//0.5 chat - b"]].concat();
    assert_eq!(
        (counted(&run), counted(&twice)),
        (vec![2, 3], vec![2, 4]),
        "another tells of the call, and not of the run"
    );
    let elsewhere =
        ["4 - owl 9/3 - x y", "5 4 owl 50/20 chat z y", "6 4 owl 9/3 chat x y", "2 - owl 9/3 - x b"];
    assert_eq!(counted(&elsewhere), [1, 3]);
    let tool =
        ["1 - - -", "2 1 owl 9/3//1 - - x", "3 1 owl 9/3 - - y", "4 3 - - execute_tool", "5 4 owl 4/1 - - y"];
    assert_eq!(counted(&tool), [1, 4], "but for what a tool spends");
    let step = ["1 - - -", "2 1 owl 9/3", "3 1 - 9/3 chain", "4 3 owl 4/1"];
    assert_eq!(counted(&step), [1, 3], "what a step calls counts");
}

#[test]
fn spans_at_other_times_are_other_requests() {
    let counted = |spans: &[(u64, u64, &str)]| {
        let spans = spans.iter().zip(1..).map(|((start, end, library), id)| {
            format!(
                r#"{{"scope":{{"name":"{library}"}},"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c",
                    "spanId":"{id:016x}","parentSpanId":"ffffffffffffffff","startTimeUnixNano":"{start}",
                    "endTimeUnixNano":"{end}","attributes":[
                    {{"key":"gen_ai.request.model","value":{{"stringValue":"owl"}}}},
                    {{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"9"}}}},
                    {{"key":"gen_ai.usage.output_tokens","value":{{"intValue":"3"}}}}]}}]}}"#
            )
        });
        let spans = spans.collect::<Vec<_>>().join(",");
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{spans}]}}]}}"#);
        let mut requests = Requests::default();
        requests.add_batch(&crate::decode(body.into_bytes()).unwrap());
        requests.counted().count()
    };
    assert_eq!(counted(&[(10, 20, "x"), (11, 19, "y")]), 1);
    assert_eq!(counted(&[(10, 20, "x"), (20, 30, "y")]), 2, "one behind the other");
    assert_eq!(counted(&[(10, 20, "x"), (20, 20, "y")]), 1, "an instant of it");
    assert_eq!(counted(&[(0, 0, "x"), (0, 0, "y")]), 2, "nobody says when");
    let calls = [(100, 300, "x"), (400, 500, "x"), (110, 150, "y"), (160, 290, "y")];
    assert_eq!(counted(&calls), 3, "two of one library in the time of one of the other");
}

#[test]
fn a_call_that_sums_up_its_calls_and_its_tools_counts_alone() {
    let spans = ["1 - owl 20/5 chat", "2 1 owl 12/3 chat", "3 1 - - execute_tool", "4 3 owl 8/2 chat"];
    assert_eq!(counted(&spans), [0]);
}

/// Hours if each span looked at all of it; `tests/complexity` counts.
#[test]
fn very_many_spans_of_one_long_scope_are_told() {
    let span = r#"{"attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"owl"}}]}"#;
    let spans = vec![span; 20_000].join(",");
    for name in ["x".repeat(4 << 20), "\\n".repeat(2 << 20)] {
        let body = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"scope":{{"name":"{name}"}},"spans":[{spans}]}}]}}]}}"#
        );
        let batch = crate::decode(body.into_bytes()).unwrap();
        let mut requests = Requests::default();
        requests.add_batch(&batch);
        assert_eq!(requests.counted().count(), 20_000);
    }
}

/// The same if each span looked at all others.
#[test]
fn very_many_spans_of_one_answer_are_told() {
    for libraries in [1, 2, 30_000] {
        let mut requests = Requests::default();
        let spans: Vec<String> = (1..=30_000)
                .map(|id| {
                    let attribute = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
                    let attributes = [("gen_ai.request.model", "owl"), ("gen_ai.response.id", "a"), ("logfire.span_type", "log"),
                        ("gen_ai.usage.input_tokens", "9"), ("gen_ai.usage.output_tokens", "3")];
                    let attributes = attributes.map(|(key, value)| attribute(key, value)).join(",");
                    format!(r#"{{"scope":{{"name":"{}"}},"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c",
                        "spanId":"{id:016x}","parentSpanId":"ffffffffffffffff","startTimeUnixNano":"1","endTimeUnixNano":"9","attributes":[{attributes}]}}]}}"#, id % libraries)
                })
                .collect();
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{}]}}]}}"#, spans.join(","));
        requests.add_batch(&crate::decode(body.into_bytes()).unwrap());
        let counted = requests.counted().count();
        assert!(counted <= 30_000 / libraries.min(2), "{libraries}: {counted}");
    }
}

#[test]
fn what_a_tool_spends_is_no_part_of_the_call_that_asked_for_it() {
    let tool = "2 1 - - execute_tool";
    assert_eq!(counted(&["1 - owl 9/3 chat", tool, "3 2 owl 8/2 chat"]), [0, 2]);
    assert_eq!(counted(&["1 - owl 9/3 invoke_agent", tool, "3 2 owl 8/2 chat"]), [0], "a run");
    assert_eq!(counted(&["1 - owl 9/3 chat", tool, "3 2 owl 9/3 chat"]), [0], "the very same");
    assert_eq!(
        counted(&["1 - owl 9/3 chat", "2 1 owl 9/3 chat", "3 1 - - execute_tool", "4 3 owl 8/2"]),
        [0, 3]
    );
    assert_eq!(counted(&["1 - owl 17/5 -", "2 1 owl 9/3 chat", "3 2 - - execute_tool", "4 3 owl 8/2"]), [0]);
    assert_eq!(
        counted(&["1 - owl 9/3 chat", tool, "3 2 owl 8/2 chat", "4 3 - - execute_tool", "5 4 owl 7/2"]),
        [0, 2, 4]
    );
}

#[test]
fn a_request_without_usage_counts_where_nothing_else_tells_of_it() {
    assert_eq!(counted(&["1 - heron -", "2 1 - - chat", "3 1 - - chat"]), [0], "a failed request");
    assert_eq!(counted(&["1 - heron -", "2 1 heron -"]), [0], "a failed request told twice");
    assert_eq!(counted(&["1 - heron -", "2 1 heron 9", "3 1 heron -"]), [1, 2], "an agent's run");
    assert_eq!(counted(&["1 - heron 9", "2 1 heron -"]), [0]);
    assert_eq!(counted(&["1 - heron - create_agent", "2 - heron - execute_tool"]), [0; 0]);
}

#[test]
fn parents_in_a_circle_and_spans_without_ids_are_read() {
    assert_eq!(counted(&["1 2 heron 9", "2 1 heron 9"]), [1]);
    assert_eq!(counted(&["1 1 heron 9"]), [0]);
    assert_eq!(counted(&["- - heron 9", "- - heron 9"]), [0, 1]);
}

#[test]
fn a_span_that_comes_twice_counts_once() {
    let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"my-trace","spanId":"my-span",
            "attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"heron"}}]}]}]}]}"#;
    let batch = crate::decode(&body[..]).unwrap();
    let keys = LlmKeys::resolve(&batch);
    let mut requests = Requests::default();
    let span = batch.span(0).unwrap();
    assert!(requests.add(span, &keys.read(span)));
    assert!(!requests.add(span, &keys.read(span)));
    assert_eq!((requests.duplicates(), requests.traces(), requests.counted().count()), (1, 1, 1));
}

/// They are told apart by their text, and parents found by it.
#[test]
fn ids_that_are_none_are_as_good_as_others() {
    let span = |trace: &str, id: &str, parent: &str, tokens: u32| {
        format!(
            r#"{{"traceId":"{trace}","spanId":"{id}","parentSpanId":"{parent}","attributes":[
                {{"key":"gen_ai.request.model","value":{{"stringValue":"heron"}}}},
                {{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"{tokens}"}}}}]}}"#
        )
    };
    let spans = [
        span("my trace", "one", "", 9),
        span("my trace", "two", "one", 9),
        span("my trace", "three", "nobody", 5),
        span("your trace", "one", "", 9),
        span("your trace", "two", "three", 5),
    ];
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
    let batch = crate::decode(body.into_bytes()).unwrap();
    let mut requests = Requests::default();
    requests.add_batch(&batch);
    assert_eq!((requests.traces(), requests.duplicates()), (2, 0));
    assert_eq!(requests.counted().collect::<Vec<_>>(), [0, 2, 3, 4]);
}

#[test]
fn every_version_of_a_span_counts_once() {
    let span = |end: u64| {
        format!(
            r#"{{"traceId":"t","spanId":"s","endTimeUnixNano":"{end}","attributes":[
                {{"key":"gen_ai.request.model","value":{{"stringValue":"heron"}}}}]}}"#
        )
    };
    let spans = [1, 2, 2, 3, 1, 3, 2].map(span).join(",");
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let batch = crate::decode(body.into_bytes()).unwrap();
    let keys = LlmKeys::resolve(&batch);
    let mut requests = Requests::default();
    let new: Vec<bool> = batch.spans().map(|span| requests.add(span, &keys.read(span))).collect();
    assert_eq!(new, [true, true, false, true, false, false, false]);
    assert_eq!((requests.duplicates(), requests.counted().collect::<Vec<_>>()), (4, vec![0, 1, 3]));
    requests.truncate(2);
    assert!(!requests.add(batch.span(2).unwrap(), &keys.read(batch.span(2).unwrap())));
    requests.truncate(1);
    assert!(requests.add(batch.span(2).unwrap(), &keys.read(batch.span(2).unwrap())));
}

#[test]
fn one_answer_is_told_once_in_a_trace_and_without_one_whatever_other_traces_there_are() {
    let pair = ["7 - heron 5 chat d y -", "8 - heron 5 chat d x t1"];
    assert_eq!(counted(&pair).len(), 1);
    assert_eq!(counted(&[pair[0], pair[1], "9 - - - - - - t2"]).len(), 1);
}

proptest::proptest! {
    /// A framework's calls with those of its client below them or beside them, at any times: each counts once.
    #[test]
    fn no_call_of_two_libraries_is_lost(
        calls in proptest::collection::vec((1usize..40, 1usize..3, proptest::bool::ANY, proptest::bool::ANY), 1..7),
    ) {
        let mut spans = vec![("1 - - - invoke_agent".to_owned(), 1)];
        let mut truth = 0;
        for (at, (start, tokens, is_quiet, is_first)) in calls.iter().enumerate() {
            let (outer, inner) = (100 * (at + 1) + start, 100 * (at + 1) + start + 1);
            let figures = if *is_quiet { "-".to_owned() } else { format!("{tokens}/5") };
            let pair = [
                (format!("{outer} 1 m {tokens}/5 chat - x"), outer),
                (format!("{inner} {outer} m {figures} chat - y"), inner),
            ];
            spans.extend(if *is_first { pair } else { let [a, b] = pair; [b, a] });
            truth += tokens;
        }
        let lines: Vec<&str> = spans.iter().map(|(line, _)| line.as_str()).collect();
        let counted = counted(&lines);
        let sum = |place: usize| -> usize {
            let figures = lines[place].split(' ').nth(3).unwrap();
            figures.split('/').next().and_then(|tokens| tokens.parse().ok()).unwrap_or(0)
        };
        proptest::prop_assert_eq!(counted.into_iter().map(sum).sum::<usize>(), truth, "{:?}", lines);
    }
}
