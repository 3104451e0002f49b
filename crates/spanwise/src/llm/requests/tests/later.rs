//! What is told of spans before others have come, and of those that are left where some are forgotten.

use super::*;

#[test]
fn spans_that_are_forgotten_leave_nothing() {
    let span = |trace: &str, id: usize, parent: &str| {
        format!(
            r#"{{"traceId":"{trace}","spanId":"{id}","parentSpanId":"{parent}","attributes":[
                {{"key":"gen_ai.request.model","value":{{"stringValue":"heron"}}}}]}}"#
        )
    };
    // Two that tell of one answer, by names that tell them apart.
    let told = |name: &str, id: usize| {
        let answer = r#""attributes":[{"key":"gen_ai.response.id","value":{"stringValue":"x"}},"#;
        let span = span("b", id, "").replacen(r#""attributes":["#, answer, 1);
        span.replacen('{', &format!(r#"{{"name":"{name}","#), 1)
    };
    let used = |trace: &str, id: usize, parent: &str, model: &str| {
        let usage = r#""attributes":[{"key":"gen_ai.usage.input_tokens","value":{"intValue":"9"}},"#;
        span(trace, id, parent).replacen(r#""attributes":["#, usage, 1).replace("heron", model)
    };
    // The third is the first again, and the last of another trace and of none.
    let spans = [
        span("a", 1, ""),
        span("b", 2, ""),
        span("a", 1, ""),
        span("a", 3, "1"),
        told("one", 6),
        told("two", 7),
        span("c", 4, ""),
        span("", 5, ""),
        used("d", 8, "", "owl"),
        used("d", 9, "8", "owl-2026-11-01"),
        used("a", 10, "3", "owl"),
    ];
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
    let batch = crate::decode(body.into_bytes()).unwrap();
    let keys = LlmKeys::resolve(&batch);
    let said = |requests: &Requests| {
        let counted: Vec<_> = requests.counted().collect();
        (requests.spans(), requests.traces(), requests.duplicates(), counted)
    };
    let mut after = vec![said(&Requests::default())];
    let mut all = Requests::default();
    for span in batch.spans() {
        all.add(span, &keys.read(span));
        after.push(said(&all));
    }
    for kept in 0..=spans.len() + 1 {
        let mut requests = all.clone();
        requests.truncate(kept);
        assert_eq!(said(&requests), after[kept.min(spans.len())], "{kept}");
        // What comes then is read as if nothing had been there: the same again, or in another order.
        let forgotten: Vec<_> = batch.spans().skip(kept).collect();
        for again in [forgotten.clone(), forgotten.into_iter().rev().collect()] {
            let (mut requests, mut fresh) = (requests.clone(), Requests::default());
            batch.spans().take(kept).for_each(|span| _ = fresh.add(span, &keys.read(span)));
            for span in again {
                let (read, expected) = (keys.read(span), fresh.add(span, &keys.read(span)));
                assert_eq!(requests.add(span, &read), expected, "{kept}");
                assert_eq!(said(&requests), said(&fresh), "{kept}");
            }
        }
    }
}

#[test]
fn of_spans_before_those_that_are_kept_nothing_is_left() {
    let spans = [
        "1 - owl 9 chat - x a",
        "2 1 heron - chat - x b",
        "3 1 heron 9 chat - x a",
        "4 - heron-2026-11-01 3 chat z x c",
        "5 4 owl 3/3 chat z y c",
        "6 - - - execute_tool - y b",
        "- - owl 4",
        "8 2 heron 9 invoke_agent - y b",
        "9 8 heron-2026-11-02 5 chat q x b",
        "9 8 heron-2026-11-02 5 chat q x c",
    ];
    let said = |requests: &Requests| {
        let counted: Vec<_> = requests.counted().collect();
        (requests.spans(), requests.traces(), requests.duplicates(), counted)
    };
    let mut all = Requests::default();
    add(&mut all, &spans, 0);
    for kept in 0..=spans.len() + 1 {
        let gone = spans.len().saturating_sub(kept);
        let (mut requests, mut fresh) = (all.clone(), Requests::default());
        requests.keep_last(kept);
        add(&mut fresh, &spans[gone..], 0);
        assert_eq!(said(&requests), said(&fresh), "{kept}");
        assert_eq!(requests.models.len(), fresh.models.len(), "{kept}");
        // What was forgotten is new, and what is there is known.
        for again in spans {
            let first = requests.spans();
            add(&mut requests, &[again], first);
            add(&mut fresh, &[again], first);
            assert_eq!(said(&requests), said(&fresh), "{kept} {again}");
        }
        requests.truncate(kept);
        fresh.truncate(kept);
        assert_eq!(said(&requests), said(&fresh), "{kept}");
    }
}

#[test]
fn the_first_that_is_left_of_several_with_one_id_is_the_parent() {
    let mut requests = Requests::default();
    add(&mut requests, &["1 - heron 12"], 0);
    // The same id in another time.
    let run = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"0000000000000001","startTimeUnixNano":"5",
        "attributes":[{"key":"gen_ai.usage.input_tokens","value":{"intValue":"12"}},
            {"key":"gen_ai.request.model","value":{"stringValue":"heron"}}]}"#;
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{run}]}}]}}]}}"#);
    requests.add_batch(&crate::decode(body.clone()).unwrap());
    add(&mut requests, &["2 1 heron 12"], 2);
    assert_eq!(requests.counted().collect::<Vec<_>>(), [0, 1], "the first is above the call");
    requests.keep_last(2);
    assert_eq!(requests.counted().collect::<Vec<_>>(), [0], "and now the other is");
    requests.add_batch(&crate::decode(body).unwrap());
    assert_eq!((requests.duplicates(), requests.counted().collect()), (1, vec![0]));
}

#[test]
fn what_is_settled_stays_so_where_others_are_forgotten() {
    let mut requests = Requests::default();
    add(&mut requests, &["4 - heron 1", "2 1 heron 9", "3 1 heron 3"], 0);
    requests.settle();
    requests.keep_last(2);
    assert_eq!((requests.settled(), requests.counted().collect()), (2, vec![0, 1]));
    add(&mut requests, &["1 - heron 12", "5 - heron 7"], 2);
    assert_eq!(requests.counted().collect::<Vec<_>>(), [0, 1, 3]);
    requests.keep_last(1);
    assert_eq!((requests.settled(), requests.counted().collect()), (0, vec![0]));
    requests.keep_last(0);
    assert_eq!((requests.spans(), requests.traces(), requests.counted().count()), (0, 0, 0));
}

#[test]
fn what_was_told_is_not_told_again_by_what_comes_later() {
    let call = |id: u32, parent: u32, tokens: u32| format!("{id} {parent} heron {tokens}");
    let (two, three, four) = (call(2, 1, 9), call(3, 1, 3), call(4, 3, 3));
    let [two, three, four] = [&*two, &*three, &*four];
    assert_eq!(counted(&[two, three, "1 - - 12"]), [0, 1], "at once");
    assert_eq!(
        counted_of_lots(&[&[two], &[three, "1 - - 12"]]),
        [0, 1],
        "an agent and the last of its calls"
    );
    assert_eq!(counted_of_lots(&[&[two, three], &["1 - heron 12"]]), [0, 1], "an agent alone");
    assert_eq!(counted(&[two, three, "1 - heron 12"]), [2], "which would have stood for its calls");
    assert_eq!(
        counted_of_lots(&[&[two, four], &["3 1 heron 3", "1 - heron 12"]]),
        [0, 1],
        "under each other"
    );
    assert_eq!(counted_of_lots(&[&[four], &[two, three, "1 - heron 12"]]), [0, 1], "what came later counts");
    assert_eq!(counted_of_lots(&[&["1 - heron 12"], &[two, three]]), [0], "the agent came first");
    assert_eq!(counted_of_lots(&[&[two], &[two, three]]), [0, 2], "what comes again counts once");
    assert_eq!(
        counted_of_lots(&[&["2 1 heron"], &["1 - heron 12"]]),
        [0, 1],
        "what has no figures hides none"
    );
    assert_eq!(
        counted_of_lots(&[&["5 9 heron 1"], &[two, three, "1 - heron 12"]]),
        [0, 3],
        "of another tree"
    );
    let deep: Vec<_> = (1..=9).map(|id| call(id, id - 1, 7)).collect();
    let deep: Vec<&str> = deep.iter().rev().map(String::as_str).collect();
    let lots: Vec<_> = deep.chunks(1).collect();
    assert_eq!(counted_of_lots(&lots), [0], "a lot for each");
    assert_eq!(counted_of_lots(&[&deep[..1], &deep[1..]]), [0], "all the others at once");
}

#[test]
fn what_another_library_tells_of_a_call_that_was_told_is_not_told_again() {
    let (y, x) = ("3 1 heron 9/3 chat - y", "2 1 heron 9/3 chat - x");
    assert_eq!(counted(&["1 - - -", y, x]), [2], "the first to begin");
    assert_eq!(counted_of_lots(&[&["1 - - -", y], &[x]]), [1], "was not the first to come");
    assert_eq!(
        counted_of_lots(&[&["1 - - -", y], &["2 1 heron 9/3//0.5 chat - x"]]),
        [1],
        "nor is it for its cost"
    );
    assert_eq!(
        counted_of_lots(&[&["1 - - -", y], &["4 1 - -", "5 4 heron 9/3//0.5 chat - x"]]),
        [1],
        "elsewhere"
    );
    let (t, u) = ("3 - heron 9/3 chat a x t", "2 - heron 9/3//0.5 chat a y u");
    assert_eq!(counted_of_lots(&[&[t], &[u]]), [0], "in another trace");
    let failed = ["1 - - -", "3 1 heron - chat - y"];
    assert_eq!(counted_of_lots(&[&failed, &[x]]), [1, 2], "what says nothing of what it took hides none");
}

#[test]
fn what_is_settled_is_forgotten_like_all_else() {
    let mut requests = Requests::default();
    add(&mut requests, &["2 1 heron 9", "3 1 heron 3"], 0);
    requests.settle();
    add(&mut requests, &["1 - heron 12"], 2);
    assert_eq!((requests.settled(), requests.counted().collect()), (2, vec![0, 1]));
    requests.truncate(1);
    assert_eq!((requests.settled(), requests.counted().collect()), (1, vec![0]));
    add(&mut requests, &["1 - heron 12"], 1);
    assert_eq!(requests.counted().collect::<Vec<_>>(), [0]);
}

proptest::proptest! {
    /// Of trees in which those above have the sums of the calls below, or no figures. Spans end, and come, children first.
    #[test]
    fn no_token_is_lost_or_counted_twice_however_spans_come_in_lots(
        parents in proptest::collection::vec((0usize..40, 0u64..50, proptest::bool::ANY, 0u8..4), 1..40),
    ) {
        let parent = |at: usize| if at == 0 { None } else { Some(parents[at].0 % at) };
        let is_leaf = |at: usize| (at + 1..parents.len()).all(|other| parent(other) != Some(at));
        let mut sums = vec![0; parents.len()];
        for at in (0..parents.len()).rev() {
            if is_leaf(at) {
                sums[at] = parents[at].1;
            }
            if let Some(parent) = parent(at) {
                sums[parent] += sums[at];
            }
        }
        let mut requests = Requests::default();
        let mut told = Vec::new();
        for (place, at) in (0..parents.len()).rev().enumerate() {
            let (_, _, has_figures, break_here) = parents[at];
            let above = parent(at).map_or("-".to_owned(), |parent| (parent + 1).to_string());
            let figures = if is_leaf(at) || has_figures { sums[at].to_string() } else { "-".to_owned() };
            add(&mut requests, &[&format!("{} {above} heron {figures}", at + 1)], place);
            if break_here == 0 {
                requests.settle();
                let before: Vec<usize> = std::mem::take(&mut told);
                told = requests.counted().collect();
                proptest::prop_assert!(told.starts_with(&before));
            }
        }
        let counted = requests.counted().filter(|place| {
            let at = parents.len() - 1 - place;
            is_leaf(at) || parents[at].2
        });
        let counted: u64 = counted.map(|place| sums[parents.len() - 1 - place]).sum();
        proptest::prop_assert_eq!(counted, sums[0]);
    }
}

proptest::proptest! {
    /// Traces to which nothing came since are not gone through again, and nothing is told otherwise for it, nor where what came first is
    /// forgotten.
    #[test]
    fn what_is_settled_has_no_say_in_traces_of_its_own(
        spans in proptest::collection::vec((1usize..12, 0usize..12, 0u8..3, 0u8..4, 0u8..3, 0u8..2, 0u8..5, 0u8..6), 1..40),
    ) {
        let mut requests = Requests::default();
        for (place, (id, parent, model, tokens, answer, library, trace, what)) in spans.iter().enumerate() {
            let parent = if *parent == 0 { "-".to_owned() } else { parent.to_string() };
            let model = ["-", "heron", "heron-2026-11-01"][usize::from(*model)];
            let usage = ["-", "5/2", "5/3", "10/5"][usize::from(*tokens)];
            let answer = ["-", "a", "b"][usize::from(*answer)];
            let operation = ["chat", "invoke_agent", "execute_tool", "-", "chat", "chat"][usize::from(*what)];
            let first = requests.spans();
            let library = ["x", "y"][usize::from(*library)];
            let trace = ["-", "t1", "t2", "t3", "t4"][usize::from(*trace)];
            let line = format!("{id} {parent} {model} {usage} {operation} {answer} {library} {trace}");
            add(&mut requests, &[&line], first);
            if place % 5 == usize::from(*what) {
                let (narrowed, all) = (requests.told(&Open::of(&requests)), requests.told(&Open::all(&requests)));
                proptest::prop_assert_eq!(narrowed, all);
                requests.settle();
            }
            if place % 11 == 10 {
                let before: Vec<usize> = requests.counted().collect();
                requests.settle();
                requests.keep_last(6);
                let gone = before.iter().filter_map(|counted| counted.checked_sub(first + 1 - requests.spans()));
                proptest::prop_assert_eq!(requests.counted().collect::<Vec<_>>(), gone.collect::<Vec<_>>());
            }
        }
        let (narrowed, all) = (requests.told(&Open::of(&requests)), requests.told(&Open::all(&requests)));
        proptest::prop_assert_eq!(narrowed, all);
    }
}
