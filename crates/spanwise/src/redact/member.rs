//! Members of message bodies: what is known of each by its name.

use std::sync::LazyLock;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// What stays of JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// All that is known to be structure.
    Structure,
    /// The usage, the cost and the finish reason of a call, by which it is counted.
    Figures,
}

/// What is done with a member, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// A word of a format's own vocabulary: a role, a type, a reason.
    Word,
    /// The name of a tool, wherever it stands.
    Tool,
    /// A name: of a tool if a tool is what has it, and otherwise perhaps a person's.
    Name,
    /// Why an answer ended, in a word.
    Reason,
    /// A number that counts.
    Count,
    /// A number of tokens.
    Tokens,
    /// An object of numbers of tokens, or of a provider that has such numbers among others of its own.
    Usage,
    /// What such numbers are of, in a word: `AUDIO`, `ON_DEMAND`.
    Kind,
    /// What a call cost, where its usage stands.
    Price,
    /// How long a call took.
    Time,
    /// A list or an object of more structure.
    Container,
    /// The same, of a tool.
    ToolContainer,
    /// Content, under a name that tells nothing.
    Content,
}

static MEMBERS: [(Member, &[&str]); 13] = [
    (
        Member::Word,
        &["role", "type", "mime_type", "mimeType", "media_type", "mediaType", "part_kind", "kind"],
    ),
    (
        Member::Reason,
        &["finish_reason", "finishReason", "finish_reasons", "stop_reason", "native_finish_reason"],
    ),
    (
        Member::Usage,
        &[
            "usage",
            "usage_metadata",
            "usageMetadata",
            "prompt_tokens_details",
            "promptTokensDetails",
            "completion_tokens_details",
            "completionTokensDetails",
            "input_tokens_details",
            "inputTokensDetails",
            "output_tokens_details",
            "outputTokensDetails",
            "candidates_tokens_details",
            "candidatesTokensDetails",
            "cache_tokens_details",
            "cacheTokensDetails",
            "tool_use_prompt_tokens_details",
            "toolUsePromptTokensDetails",
            "cache_creation",
            "cost_details",
            "costDetails",
            "anthropic",
            "azure",
            "bedrock",
            "deepseek",
            "gateway",
            "google",
            "openai",
            "openrouter",
            "vertex",
        ],
    ),
    (Member::Kind, &["modality", "traffic_type", "trafficType"]),
    (
        Member::Price,
        &[
            "cost",
            "marketCost",
            "upstream_inference_cost",
            "upstreamInferenceCost",
            "upstream_inference_prompt_cost",
            "upstreamInferencePromptCost",
            "upstream_inference_completions_cost",
            "upstreamInferenceCompletionsCost",
        ],
    ),
    (Member::Time, &["latencyMs"]),
    (
        Member::Tokens,
        &[
            "inputTokens",
            "outputTokens",
            "totalTokens",
            "cachedContentTokens",
            "thoughtsTokens",
            "promptTokens",
            "completionTokens",
            "cachedTokens",
            "cachedInputTokens",
            "cachedPromptTokens",
            "cacheReadInputTokens",
            "cacheCreationInputTokens",
            "cacheWriteInputTokens",
            "cacheWriteTokens",
            "promptCacheHitTokens",
            "promptCacheMissTokens",
            "reasoningTokens",
            "audioTokens",
            "imageTokens",
            "acceptedPredictionTokens",
            "rejectedPredictionTokens",
            "inputCharacters",
            "outputCharacters",
            "inputImages",
            "outputImages",
            "inputVideos",
            "outputVideos",
            "inputAudioFiles",
            "outputAudioFiles",
            "input_tokens",
            "output_tokens",
            "total_tokens",
            "prompt_tokens",
            "completion_tokens",
            "cached_tokens",
            "reasoning_tokens",
            "audio_tokens",
            "image_tokens",
            "cache_write_tokens",
            "accepted_prediction_tokens",
            "rejected_prediction_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "ephemeral_5m_input_tokens",
            "ephemeral_1h_input_tokens",
            "token_count",
            "tokenCount",
            "prompt_token_count",
            "candidates_token_count",
            "total_token_count",
            "cached_content_token_count",
            "thoughts_token_count",
            "tool_use_prompt_token_count",
            "promptTokenCount",
            "candidatesTokenCount",
            "totalTokenCount",
            "cachedContentTokenCount",
            "thoughtsTokenCount",
            "toolUsePromptTokenCount",
        ],
    ),
    (Member::Tool, &["toolName", "tool_name", "function_name"]),
    (Member::Name, &["name"]),
    (Member::Count, &["index"]),
    (
        Member::Container,
        &[
            "messages", "message", "parts", "content", "contents", "choices", "delta", "input", "output",
            "events",
        ],
    ),
    (
        Member::ToolContainer,
        &[
            "tool_calls",
            "toolCalls",
            "tool_call",
            "toolCall",
            "function",
            "functions",
            "function_call",
            "functionCall",
            "tools",
        ],
    ),
    (
        Member::Content,
        &[
            "id",
            "tool_call_id",
            "toolCallId",
            "call_id",
            "text",
            "arguments",
            "args",
            "result",
            "response",
            "completion",
            "reasoning",
            "reasoning_content",
            "reasoning_details",
            "thinking",
            "signature",
            "refusal",
            "rawRequest",
            "data",
            "url",
            "uri",
            "image",
            "image_url",
            "audio",
            "file",
            "file_id",
            "blob",
            "encrypted_content",
            "summary",
            "description",
            "parameters",
            "input_schema",
            "inputSchema",
            "json_schema",
            "schema",
            "strict",
            "system",
            "prompt",
            "user",
            "model",
            "metadata",
            "annotations",
            "logprobs",
            "cache_control",
            "detail",
            "title",
            "body",
            "event.name",
            "provider_metadata",
            "providerMetadata",
            "providerOptions",
            "is_error",
            "error",
            "status",
        ],
    ),
];

impl Member {
    /// Whether what is in it is looked at one by one.
    pub(crate) fn is_container(self) -> bool {
        matches!(self, Self::Container | Self::ToolContainer | Self::Usage)
    }

    /// Whether it is a word, or a list of such.
    pub(crate) fn is_of_words(self) -> bool {
        matches!(self, Self::Word | Self::Reason | Self::Kind)
    }

    /// Whether a number stays. One of more digits may be somebody's.
    pub(crate) fn has_room_for(self, number: i64) -> bool {
        match self {
            Self::Count => (0..10_000).contains(&number),
            Self::Tokens | Self::Time => (0..100_000_000).contains(&number),
            Self::Price => (0..100_000).contains(&number),
            _ => false,
        }
    }

    /// The same of a number with a fraction.
    pub(crate) fn has_room_for_decimal(self, number: f64) -> bool {
        match self {
            Self::Time => (0.0..1e8).contains(&number),
            Self::Price => (0.0..1e5).contains(&number),
            _ => false,
        }
    }

    /// Whether it stays in what is a member like `own` itself. Anything may have a cost or be of a kind: those are figures
    /// among others alone.
    fn stays_in(self, own: Self, kept: Kept) -> bool {
        match self {
            Self::Price => own == Self::Usage,
            Self::Kind => own == Self::Usage || kept == Kept::Structure,
            Self::Reason | Self::Tokens | Self::Time | Self::Usage => true,
            _ => kept == Kept::Structure,
        }
    }
}

/// Whether a text is a price: a provider writes its as such.
pub(crate) fn is_price(text: &str) -> bool {
    const LONGEST: usize = 24;
    text.len() <= LONGEST
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.parse().is_ok_and(|number| Member::Price.has_room_for_decimal(number))
}

/// What is done with the member of this name in what is a member like `own` itself; none if it is not known.
pub(crate) fn member(name: &str, own: Member, kept: Kept) -> Option<Member> {
    static BY_NAME: LazyLock<HashMap<&str, Member, RandomState>> = LazyLock::new(|| {
        MEMBERS.iter().flat_map(|(member, names)| names.iter().map(|name| (*name, *member))).collect()
    });
    let known = BY_NAME.get(name).copied()?;
    Some(if known.stays_in(own, kept) { known } else { Member::Content })
}
