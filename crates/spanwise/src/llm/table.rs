//! The one table that says which attribute of which convention fills which column.
//!
//! To teach the library a new key, add a row to [`TABLE`]: nothing else names a source key, but for [`HINTS`]. Rows of a column stand in
//! order of preference: the specification's current name, its former names, then the conventions that have the same thing
//! under a name of their own. What only repeats the sum of child spans is left out on purpose, or adding a column up
//! would count it twice: `gen_ai.aggregated_usage.*` (Pydantic AI), `mlflow.trace.tokenUsage`, `mlflow.trace.cost`.

use Column as C;
use Convention as V;
use Form::{First, JsonText, Member, Plain, Says};

macro_rules! columns {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// A column of the normalised set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Column {
            $($(#[$doc])* $variant,)*
        }

        impl Column {
            /// Every column, in the order of a table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The column's name in tables.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

columns! {
    /// The model that was asked for; where nothing says so, the model that answered.
    Model "llm_model",
    /// Who provides the model, in the convention's own words.
    Provider "llm_provider",
    /// What was done (`chat`, `embeddings`, `invoke_agent` …), in the convention's own words.
    Operation "llm_operation",
    /// Tokens of the input.
    InputTokens "llm_input_tokens",
    /// Tokens of the output.
    OutputTokens "llm_output_tokens",
    /// Tokens of both, where the sender says so; never added up here.
    TotalTokens "llm_total_tokens",
    /// Cost of the input in US dollars.
    InputCost "llm_input_cost_usd",
    /// Cost of the output in US dollars.
    OutputCost "llm_output_cost_usd",
    /// Cost of the request in US dollars, where the sender says so; never added up here.
    Cost "llm_cost_usd",
    /// Why the model stopped; of several choices the first.
    FinishReason "llm_finish_reason",
    /// The end user.
    UserId "user_id",
    /// The session or conversation.
    SessionId "session_id",
    /// The name that the sender gave the whole trace.
    TraceName "trace_name",
    /// The name of the span, if it is a generation. It is no attribute, so it has no rows.
    GenerationName "generation_name",
    /// A gateway's connection test or canned generation. Beside what [`TABLE`] has it is true for a span of the name
    /// `openrouter-connection-test`, and for one whose trace and span id are both 1 and which has no attributes.
    IsTest "is_test",
}

macro_rules! conventions {
    ($($(#[$doc:meta])* $variant:ident $name:literal $source:literal,)*) => {
        /// Who writes a key.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Convention {
            $($(#[$doc])* $variant,)*
        }

        impl Convention {
            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Where its keys are defined: a repository or site, and the page or file in it.
            pub const fn source(self) -> &'static str {
                match self { $(Self::$variant => $source,)* }
            }
        }
    };
}

conventions! {
    /// OpenTelemetry's GenAI semantic conventions.
    GenAi "OpenTelemetry GenAI" "open-telemetry/semantic-conventions-genai docs/registry/attributes/gen-ai.md",
    /// Names that OpenTelemetry has deprecated, and the general `user`, `session` and `enduser` attributes.
    OpenTelemetry "OpenTelemetry" "open-telemetry/semantic-conventions docs/registry/attributes/{gen-ai,user,session,enduser}.md",
    /// OpenRouter Broadcast.
    OpenRouter "OpenRouter Broadcast" "openrouter.ai docs guides/features/broadcast and the payloads themselves",
    /// OpenInference: Phoenix, Arize.
    OpenInference "OpenInference" "Arize-ai/openinference spec/semantic_conventions.md",
    /// OpenLLMetry: Traceloop.
    OpenLlmetry "OpenLLMetry" "traceloop/openllmetry packages/opentelemetry-semantic-conventions-ai",
    /// The Vercel AI SDK.
    VercelAi "Vercel AI SDK" "vercel/ai content/docs/03-ai-sdk-core/60-telemetry.mdx",
    /// The Langfuse SDKs.
    Langfuse "Langfuse" "langfuse/langfuse packages/shared/src/server/otel/attributes.ts",
    /// LangSmith's exporter.
    LangSmith "LangSmith" "langchain-ai/langsmith-sdk python/langsmith/_internal/otel/_otel_exporter.py",
    /// Datadog's LLM Observability.
    Datadog "Datadog LLM Observability" "DataDog/dd-trace-py ddtrace/llmobs/_constants.py",
    /// Pydantic AI, Logfire.
    PydanticAi "Pydantic AI" "pydantic/pydantic-ai pydantic_ai_slim/pydantic_ai/models/instrumented.py",
    /// MLflow Tracing. Its values are JSON text in strings.
    Mlflow "MLflow" "mlflow/mlflow mlflow/tracing/constant.py",
    /// Genkit. Its keys have colons.
    Genkit "Genkit" "firebase/genkit js/core/src/tracing/instrumentation.ts",
    /// Google's Agent Development Kit.
    Adk "Google ADK" "google/adk-python src/google/adk/telemetry, google/adk-js core/src/telemetry/tracing.ts",
    /// LiveKit Agents.
    LiveKit "LiveKit Agents" "livekit/agents livekit-agents/livekit/agents/telemetry/trace_types.py",
    /// The gateway `LiteLLM`, which prices what it passes on.
    LiteLlm "LiteLLM" "BerriAI/litellm litellm/integrations/{opentelemetry.py,otel}",
    /// The client library of Anthropic, which traces itself.
    Anthropic "Anthropic SDK" "anthropics/anthropic-sdk-python src/anthropic/lib/_tracing",
    /// AG2's telemetry.
    Ag2 "AG2" "ag2ai/ag2 ag2/_telemetry_consts.py",
    /// `OpenLIT`.
    OpenLit "OpenLIT" "openlit/openlit sdk/python/src/openlit/semcov/__init__.py",
    /// Laminar.
    Laminar "Laminar" "lmnr-ai/lmnr-python src/lmnr/opentelemetry_lib/tracing/attributes.py",
    /// Mastra's exporter.
    Mastra "Mastra" "mastra-ai/mastra observability/otel-exporter/src/span-converter.ts",
    /// `LangWatch`.
    LangWatch "LangWatch" "langwatch/langwatch python-sdk/src/langwatch/attributes.py, typescript-sdk/src/observability-sdk/semconv/attributes.ts",
    /// `VoltAgent`.
    VoltAgent "VoltAgent" "VoltAgent/voltagent packages/core/src/agent/{agent.ts,open-telemetry/trace-context.ts}",
    /// Braintrust's SDKs. Their values are JSON text in strings.
    Braintrust "Braintrust" "braintrustdata/braintrust-spec docs/features/token-and-cost-metrics.md",
    /// Netra.
    Netra "Netra" "KeyValueSoftwareSystems/netra-sdk-py netra/session_manager.py",
    /// Claude Code. Its keys are bare words.
    ClaudeCode "Claude Code" "code.claude.com docs en/monitoring-usage",
    /// Semantic Kernel for .NET, before it took OpenTelemetry's names.
    SemanticKernel "Semantic Kernel" "microsoft/semantic-kernel dotnet/src/InternalUtilities/src/Diagnostics/ModelDiagnostics.cs",
    /// Dify, as it writes for Alibaba Cloud.
    Dify "Dify" "langgenius/dify api/core/ops/aliyun_trace/entities/semconv.py",
    /// Spring AI.
    SpringAi "Spring AI" "spring-projects/spring-ai spring-ai-client-chat, ChatClientObservationDocumentation.java",
    /// genai-otel-instrument, which prices what other libraries trace, too.
    GenAiOtel "genai-otel-instrument" "Mandark-droid/genai_otel_instrument genai_otel/cost_enriching_exporter.py",
}

/// How a value holds what the column wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// The value itself.
    Plain,
    /// The value of JSON text in a string: `"\"heron-2\""` is `heron-2`. Text that is no JSON string is read as it is.
    JsonText,
    /// The first element of an array, or of the JSON text of one; a plain text is read as it is.
    First,
    /// A member of an object, given by its path: of a kvlist, or of the JSON text of an object in a string.
    Member(&'static [&'static str]),
    /// True if the value is this text.
    Says(&'static str),
}

/// One row of [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// The column that it fills.
    pub column: Column,
    /// The attribute's key on the span.
    pub key: &'static str,
    /// Who writes this key.
    pub convention: Convention,
    /// How the value holds it.
    pub form: Form,
    /// Read only where this attribute of the same span has this text.
    pub only_if: Option<(&'static str, &'static str)>,
}

const fn row(column: Column, convention: Convention, key: &'static str, form: Form) -> Source {
    Source { column, key, convention, form, only_if: None }
}

/// The spans of Genkit that are calls of a model; the others (flows, tools) have names and outputs as well.
const GENKIT_MODEL: Option<(&str, &str)> = Some(("genkit:metadata:subtype", "model"));

const fn genkit(column: Column, key: &'static str, form: Form) -> Source {
    Source { column, key, convention: V::Genkit, form, only_if: GENKIT_MODEL }
}

/// What MLflow's spans of a call were called with, each argument under its name. Other spans have arguments as well.
const fn mlflow_argument(column: Column, key: &'static str, span_type: &'static str) -> Source {
    Source {
        column,
        key,
        convention: V::Mlflow,
        form: JsonText,
        only_if: Some(("mlflow.spanType", span_type)),
    }
}

/// What Braintrust's spans of a call say of the model. Its evals have metadata of their own, which may name a model as well.
const fn braintrust(
    column: Column,
    member: &'static [&'static str],
    span_attributes: &'static str,
) -> Source {
    Source {
        column,
        key: "braintrust.metadata",
        convention: V::Braintrust,
        form: Member(member),
        only_if: Some(("braintrust.span_attributes", span_attributes)),
    }
}

/// The kind of such a span, as its SDKs write it: JSON with spaces and without.
const BRAINTRUST_CALL: [&str; 2] = [r#"{"type":"llm"}"#, r#"{"type": "llm"}"#];

/// What Claude Code's spans of a call say, each in a bare word, which may mean anything elsewhere.
const fn claude_code(column: Column, key: &'static str) -> Source {
    Source {
        column,
        key,
        convention: V::ClaudeCode,
        form: Plain,
        only_if: Some(("span.type", "llm_request")),
    }
}

/// Every source key, column by column, the preferred first. [`Column::GenerationName`] has none, and [`Column::IsTest`] is told by
/// more than keys.
pub const TABLE: &[Source] = &[
    // The model. The request's name comes first, since it is what every span of one request agrees on.
    row(C::Model, V::GenAi, "gen_ai.request.model", Plain),
    row(C::Model, V::GenAi, "gen_ai.response.model", Plain),
    row(C::Model, V::OpenInference, "llm.model_name", Plain),
    row(C::Model, V::OpenInference, "embedding.model_name", Plain),
    row(C::Model, V::OpenInference, "reranker.model_name", Plain),
    row(C::Model, V::OpenLlmetry, "llm.request.model", Plain),
    row(C::Model, V::OpenLlmetry, "llm.response.model", Plain),
    row(C::Model, V::VercelAi, "ai.model.id", Plain),
    row(C::Model, V::VercelAi, "ai.response.model", Plain),
    row(C::Model, V::Langfuse, "langfuse.observation.model.name", Plain),
    row(C::Model, V::LangSmith, "langsmith.metadata.ls_model_name", Plain),
    row(C::Model, V::Datadog, "_ml_obs.meta.model_name", Plain),
    row(C::Model, V::PydanticAi, "model_name", Plain),
    row(C::Model, V::Mlflow, "mlflow.llm.model", JsonText),
    genkit(C::Model, "genkit:name", Plain),
    row(C::Model, V::VoltAgent, "llm.model", Plain),
    row(C::Model, V::VoltAgent, "ai.model.name", Plain),
    braintrust(C::Model, &["model"], BRAINTRUST_CALL[0]),
    braintrust(C::Model, &["model"], BRAINTRUST_CALL[1]),
    claude_code(C::Model, "model"),
    row(C::Model, V::OpenRouter, "trace.metadata.openrouter_generation.model", Plain),
    // What a call that failed was to be made with.
    row(C::Model, V::OpenInference, "llm.invocation_parameters", Member(&["model"])),
    mlflow_argument(C::Model, "model", r#""CHAT_MODEL""#),
    mlflow_argument(C::Model, "model", r#""LLM""#),
    mlflow_argument(C::Model, "model", r#""EMBEDDING""#),
    // The provider. OpenRouter's first two name the model's author; the host that served it comes last.
    row(C::Provider, V::GenAi, "gen_ai.provider.name", Plain),
    row(C::Provider, V::OpenTelemetry, "gen_ai.system", Plain),
    row(C::Provider, V::OpenInference, "llm.provider", Plain),
    row(C::Provider, V::OpenInference, "llm.system", Plain),
    row(C::Provider, V::OpenLlmetry, "llm.vendor", Plain),
    row(C::Provider, V::VercelAi, "ai.model.provider", Plain),
    row(C::Provider, V::LangSmith, "langsmith.metadata.ls_provider", Plain),
    row(C::Provider, V::Langfuse, "langfuse.observation.metadata.ls_provider", JsonText), // of LangChain
    row(C::Provider, V::Datadog, "_ml_obs.meta.model_provider", Plain),
    row(C::Provider, V::Mlflow, "mlflow.llm.provider", JsonText),
    braintrust(C::Provider, &["provider"], BRAINTRUST_CALL[0]),
    braintrust(C::Provider, &["provider"], BRAINTRUST_CALL[1]),
    row(C::Provider, V::OpenRouter, "trace.metadata.openrouter.provider_name", Plain),
    row(C::Provider, V::OpenRouter, "openrouter.provider_name", Plain),
    // The operation.
    row(C::Operation, V::GenAi, "gen_ai.operation.name", Plain),
    row(C::Operation, V::OpenLlmetry, "llm.request.type", Plain),
    row(C::Operation, V::OpenInference, "openinference.span.kind", Plain),
    row(C::Operation, V::OpenLlmetry, "traceloop.span.kind", Plain),
    row(C::Operation, V::VercelAi, "ai.operationId", Plain),
    row(C::Operation, V::Langfuse, "langfuse.observation.type", Plain),
    row(C::Operation, V::LangSmith, "langsmith.span.kind", Plain),
    row(C::Operation, V::Datadog, "_ml_obs.meta.span.kind", Plain),
    row(C::Operation, V::Mlflow, "mlflow.spanType", JsonText),
    row(C::Operation, V::Genkit, "genkit:metadata:subtype", Plain),
    row(C::Operation, V::Laminar, "lmnr.span.type", Plain),
    row(C::Operation, V::LangWatch, "langwatch.span.type", Plain),
    row(C::Operation, V::OpenRouter, "span.type", Plain),
    // Tokens of the input. `prompt_tokens` is the former name, and that of the sample in OpenRouter's documentation.
    row(C::InputTokens, V::GenAi, "gen_ai.usage.input_tokens", Plain),
    row(C::InputTokens, V::OpenTelemetry, "gen_ai.usage.prompt_tokens", Plain),
    row(C::InputTokens, V::OpenInference, "llm.token_count.prompt", Plain),
    row(C::InputTokens, V::OpenLlmetry, "llm.usage.prompt_tokens", Plain),
    row(C::InputTokens, V::VercelAi, "ai.usage.inputTokens", Plain),
    row(C::InputTokens, V::VercelAi, "ai.usage.promptTokens", Plain),
    row(C::InputTokens, V::VercelAi, "ai.usage.tokens", Plain), // embeddings
    row(C::InputTokens, V::Langfuse, "langfuse.observation.usage_details", Member(&["input"])),
    row(C::InputTokens, V::Langfuse, "langfuse.observation.usage_details", Member(&["input_tokens"])),
    row(C::InputTokens, V::Langfuse, "langfuse.observation.usage_details", Member(&["prompt_tokens"])),
    row(C::InputTokens, V::Datadog, "_ml_obs.metrics", Member(&["input_tokens"])),
    row(C::InputTokens, V::Mlflow, "mlflow.chat.tokenUsage", Member(&["input_tokens"])),
    row(C::InputTokens, V::LiveKit, "lk.llm_metrics", Member(&["prompt_tokens"])),
    genkit(C::InputTokens, "genkit:output", Member(&["usage", "inputTokens"])),
    row(
        C::InputTokens,
        V::Adk,
        "gcp.vertex.agent.llm_response",
        Member(&["usage_metadata", "prompt_token_count"]),
    ),
    row(
        C::InputTokens,
        V::Adk,
        "gcp.vertex.agent.llm_response",
        Member(&["usageMetadata", "promptTokenCount"]),
    ),
    row(C::InputTokens, V::LangWatch, "langwatch.metrics", Member(&["prompt_tokens"])),
    row(C::InputTokens, V::LangWatch, "langwatch.metrics", Member(&["value", "promptTokens"])),
    row(C::InputTokens, V::VoltAgent, "usage.prompt_tokens", Plain), // of a run; its last step has `llm.usage`
    row(C::InputTokens, V::Braintrust, "braintrust.metrics", Member(&["prompt_tokens"])),
    row(C::InputTokens, V::SemanticKernel, "gen_ai.response.prompt_tokens", Plain),
    claude_code(C::InputTokens, "input_tokens"), // without what was read from the cache or written to it
    // Tokens of the output.
    row(C::OutputTokens, V::GenAi, "gen_ai.usage.output_tokens", Plain),
    row(C::OutputTokens, V::OpenTelemetry, "gen_ai.usage.completion_tokens", Plain),
    row(C::OutputTokens, V::OpenInference, "llm.token_count.completion", Plain),
    row(C::OutputTokens, V::OpenLlmetry, "llm.usage.completion_tokens", Plain),
    row(C::OutputTokens, V::VercelAi, "ai.usage.outputTokens", Plain),
    row(C::OutputTokens, V::VercelAi, "ai.usage.completionTokens", Plain),
    row(C::OutputTokens, V::Langfuse, "langfuse.observation.usage_details", Member(&["output"])),
    row(C::OutputTokens, V::Langfuse, "langfuse.observation.usage_details", Member(&["output_tokens"])),
    row(C::OutputTokens, V::Langfuse, "langfuse.observation.usage_details", Member(&["completion_tokens"])),
    row(C::OutputTokens, V::Datadog, "_ml_obs.metrics", Member(&["output_tokens"])),
    row(C::OutputTokens, V::Mlflow, "mlflow.chat.tokenUsage", Member(&["output_tokens"])),
    row(C::OutputTokens, V::LiveKit, "lk.llm_metrics", Member(&["completion_tokens"])),
    genkit(C::OutputTokens, "genkit:output", Member(&["usage", "outputTokens"])),
    row(
        C::OutputTokens,
        V::Adk,
        "gcp.vertex.agent.llm_response",
        Member(&["usage_metadata", "candidates_token_count"]),
    ),
    row(
        C::OutputTokens,
        V::Adk,
        "gcp.vertex.agent.llm_response",
        Member(&["usageMetadata", "candidatesTokenCount"]),
    ),
    row(C::OutputTokens, V::LangWatch, "langwatch.metrics", Member(&["completion_tokens"])),
    row(C::OutputTokens, V::LangWatch, "langwatch.metrics", Member(&["value", "completionTokens"])),
    row(C::OutputTokens, V::VoltAgent, "usage.completion_tokens", Plain),
    row(C::OutputTokens, V::Braintrust, "braintrust.metrics", Member(&["completion_tokens"])),
    row(C::OutputTokens, V::SemanticKernel, "gen_ai.response.completion_tokens", Plain),
    claude_code(C::OutputTokens, "output_tokens"),
    // Tokens of both.
    row(C::TotalTokens, V::OpenRouter, "gen_ai.usage.total_tokens", Plain),
    row(C::TotalTokens, V::OpenInference, "llm.token_count.total", Plain),
    row(C::TotalTokens, V::OpenLlmetry, "llm.usage.total_tokens", Plain),
    row(C::TotalTokens, V::VercelAi, "ai.usage.totalTokens", Plain),
    row(C::TotalTokens, V::Langfuse, "langfuse.observation.usage_details", Member(&["total"])),
    row(C::TotalTokens, V::Langfuse, "langfuse.observation.usage_details", Member(&["total_tokens"])),
    row(C::TotalTokens, V::Datadog, "_ml_obs.metrics", Member(&["total_tokens"])),
    row(C::TotalTokens, V::Mlflow, "mlflow.chat.tokenUsage", Member(&["total_tokens"])),
    row(C::TotalTokens, V::LiveKit, "lk.llm_metrics", Member(&["total_tokens"])),
    row(C::TotalTokens, V::Ag2, "ag2.usage.total_tokens", Plain),
    genkit(C::TotalTokens, "genkit:output", Member(&["usage", "totalTokens"])),
    row(
        C::TotalTokens,
        V::Adk,
        "gcp.vertex.agent.llm_response",
        Member(&["usage_metadata", "total_token_count"]),
    ),
    row(
        C::TotalTokens,
        V::Adk,
        "gcp.vertex.agent.llm_response",
        Member(&["usageMetadata", "totalTokenCount"]),
    ),
    row(C::TotalTokens, V::VoltAgent, "usage.total_tokens", Plain),
    row(C::TotalTokens, V::Braintrust, "braintrust.metrics", Member(&["tokens"])),
    row(C::TotalTokens, V::Braintrust, "braintrust.metrics", Member(&["total_tokens"])),
    // Cost.
    row(C::InputCost, V::OpenRouter, "gen_ai.usage.input_cost", Plain),
    row(C::InputCost, V::LiteLlm, "gen_ai.cost.input_cost", Plain),
    row(C::InputCost, V::LiteLlm, "litellm.cost.input_cost", Plain),
    row(C::InputCost, V::LiteLlm, "litellm.cost.input", Plain),
    row(C::InputCost, V::GenAiOtel, "gen_ai.usage.cost.prompt", Plain),
    row(C::InputCost, V::OpenInference, "llm.cost.prompt", Plain),
    row(C::InputCost, V::Langfuse, "langfuse.observation.cost_details", Member(&["input"])),
    row(C::InputCost, V::Mlflow, "mlflow.llm.cost", Member(&["input_cost"])),
    row(C::OutputCost, V::OpenRouter, "gen_ai.usage.output_cost", Plain),
    row(C::OutputCost, V::LiteLlm, "gen_ai.cost.output_cost", Plain),
    row(C::OutputCost, V::LiteLlm, "litellm.cost.output_cost", Plain),
    row(C::OutputCost, V::LiteLlm, "litellm.cost.output", Plain),
    row(C::OutputCost, V::GenAiOtel, "gen_ai.usage.cost.completion", Plain),
    row(C::OutputCost, V::OpenInference, "llm.cost.completion", Plain),
    row(C::OutputCost, V::Langfuse, "langfuse.observation.cost_details", Member(&["output"])),
    row(C::OutputCost, V::Mlflow, "mlflow.llm.cost", Member(&["output_cost"])),
    row(C::Cost, V::OpenRouter, "gen_ai.usage.total_cost", Plain),
    row(C::Cost, V::OpenRouter, "gen_ai.usage.cost", Plain),
    row(C::Cost, V::LiteLlm, "gen_ai.cost.total_cost", Plain),
    row(C::Cost, V::LiteLlm, "litellm.cost.total_cost", Plain),
    row(C::Cost, V::LiteLlm, "litellm.cost.total", Plain),
    row(C::Cost, V::GenAiOtel, "gen_ai.usage.cost.total", Plain),
    row(C::Cost, V::OpenInference, "llm.cost.total", Plain),
    row(C::Cost, V::PydanticAi, "operation.cost", Plain),
    row(C::Cost, V::Langfuse, "langfuse.observation.cost_details", Member(&["total"])),
    row(C::Cost, V::Mlflow, "mlflow.llm.cost", Member(&["total_cost"])),
    row(C::Cost, V::LangWatch, "langwatch.metrics", Member(&["cost"])),
    row(C::Cost, V::LangWatch, "langwatch.metrics", Member(&["value", "cost"])),
    row(C::Cost, V::Braintrust, "braintrust.metrics", Member(&["estimated_cost"])),
    // What the gateways tell their providers for the SDK. A run has that of its last step.
    row(C::Cost, V::VercelAi, "ai.response.providerMetadata", Member(&["openrouter", "usage", "cost"])),
    row(C::Cost, V::VercelAi, "ai.response.providerMetadata", Member(&["gateway", "cost"])),
    row(C::Cost, V::OpenRouter, "trace.metadata.openrouter_generation.usage", Plain), // the opt-in category Cost
    // The finish reason. OpenRouter's native one, of the provider, comes last.
    row(C::FinishReason, V::GenAi, "gen_ai.response.finish_reasons", First),
    row(C::FinishReason, V::OpenRouter, "gen_ai.response.finish_reason", Plain),
    row(C::FinishReason, V::OpenInference, "llm.finish_reason", Plain),
    row(C::FinishReason, V::OpenLlmetry, "gen_ai.completion.0.finish_reason", Plain),
    row(C::FinishReason, V::OpenLlmetry, "llm.response.finish_reason", Plain),
    row(C::FinishReason, V::VercelAi, "ai.response.finishReason", Plain),
    row(C::FinishReason, V::VercelAi, "ai.finishReason", Plain),
    row(C::FinishReason, V::Langfuse, "langfuse.observation.metadata.finish_reason", JsonText),
    row(C::FinishReason, V::Anthropic, "anthropic.message.stop_reason", Plain),
    genkit(C::FinishReason, "genkit:output", Member(&["finishReason"])),
    row(C::FinishReason, V::Adk, "gcp.vertex.agent.llm_response", Member(&["finish_reason"])),
    row(C::FinishReason, V::Adk, "gcp.vertex.agent.llm_response", Member(&["finishReason"])),
    row(C::FinishReason, V::VoltAgent, "ai.response.finish_reason", Plain),
    claude_code(C::FinishReason, "stop_reason"),
    row(C::FinishReason, V::OpenRouter, "trace.metadata.openrouter.finish_reason", Plain),
    row(C::FinishReason, V::OpenRouter, "openrouter.finish_reason", Plain),
    // The end user. OpenRouter's own `…openrouter.user_id` names the account that pays, so it is no source.
    row(C::UserId, V::OpenTelemetry, "user.id", Plain),
    row(C::UserId, V::Langfuse, "langfuse.user.id", Plain),
    row(C::UserId, V::OpenTelemetry, "enduser.id", Plain),
    row(C::UserId, V::OpenTelemetry, "enduser.pseudo.id", Plain),
    row(C::UserId, V::VercelAi, "ai.telemetry.metadata.userId", Plain),
    row(C::UserId, V::VercelAi, "ai.settings.context.userId", Plain),
    row(C::UserId, V::OpenInference, "metadata.userId", Plain), // what it makes of the Vercel AI SDK's
    row(C::UserId, V::Mlflow, "mlflow.trace.user", JsonText),
    // What a chain was given along, in LangChain's words and in the SDK's: of OpenInference and of LangWatch.
    row(C::UserId, V::OpenInference, "metadata", Member(&["user_id"])),
    row(C::UserId, V::OpenInference, "metadata", Member(&["userId"])),
    row(C::UserId, V::OpenLlmetry, "traceloop.association.properties.user_id", Plain),
    row(C::UserId, V::OpenLlmetry, "traceloop.association.properties.userId", Plain),
    row(C::UserId, V::OpenLlmetry, "gen_ai.user", Plain),
    row(C::UserId, V::OpenLlmetry, "llm.user", Plain),
    row(C::UserId, V::OpenLit, "gen_ai.request.user", Plain),
    row(C::UserId, V::LangSmith, "langsmith.metadata.user_id", Plain),
    row(C::UserId, V::LangSmith, "langsmith.metadata.userId", Plain),
    row(C::UserId, V::Laminar, "lmnr.association.properties.user_id", Plain),
    row(C::UserId, V::Mastra, "mastra.metadata.userId", Plain),
    row(C::UserId, V::LangWatch, "langwatch.user.id", Plain),
    row(C::UserId, V::LangWatch, "langwatch.user_id", Plain),
    row(C::UserId, V::Netra, "netra.user_id", Plain),
    // The end user, not who owns the key.
    row(C::UserId, V::LiteLlm, "litellm.end_user.id", Plain),
    row(C::UserId, V::LiteLlm, "litellm.metadata.user_api_key_end_user_id", Plain),
    row(C::UserId, V::LiteLlm, "metadata.user_api_key_end_user_id", Plain),
    row(C::UserId, V::Dify, "gen_ai.user.id", Plain),
    row(C::UserId, V::OpenRouter, "trace.metadata.openrouter_generation.external_user", Plain),
    // The session.
    row(C::SessionId, V::OpenTelemetry, "session.id", Plain),
    row(C::SessionId, V::Langfuse, "langfuse.session.id", Plain),
    row(C::SessionId, V::GenAi, "gen_ai.conversation.id", Plain),
    row(C::SessionId, V::VercelAi, "ai.telemetry.metadata.sessionId", Plain),
    row(C::SessionId, V::VercelAi, "ai.settings.context.sessionId", Plain),
    row(C::SessionId, V::OpenInference, "metadata.sessionId", Plain),
    row(C::SessionId, V::Mlflow, "mlflow.trace.session", JsonText),
    row(C::SessionId, V::OpenInference, "metadata", Member(&["session_id"])),
    row(C::SessionId, V::OpenInference, "metadata", Member(&["sessionId"])),
    row(C::SessionId, V::OpenInference, "metadata", Member(&["thread_id"])),
    row(C::SessionId, V::OpenLlmetry, "traceloop.association.properties.session_id", Plain),
    row(C::SessionId, V::OpenLlmetry, "traceloop.association.properties.sessionId", Plain),
    row(C::SessionId, V::LangSmith, "langsmith.metadata.session_id", Plain),
    row(C::SessionId, V::LangSmith, "langsmith.metadata.sessionId", Plain),
    row(C::SessionId, V::LangSmith, "langsmith.metadata.thread_id", Plain),
    row(C::SessionId, V::Datadog, "_ml_obs.session_id", Plain),
    row(C::SessionId, V::Genkit, "genkit:sessionId", Plain),
    row(C::SessionId, V::Adk, "gcp.vertex.agent.session_id", Plain),
    row(C::SessionId, V::Laminar, "lmnr.association.properties.session_id", Plain),
    row(C::SessionId, V::Mastra, "mastra.metadata.sessionId", Plain),
    row(C::SessionId, V::LangWatch, "langwatch.thread.id", Plain),
    row(C::SessionId, V::LangWatch, "langwatch.thread_id", Plain),
    row(C::SessionId, V::Netra, "netra.session_id", Plain),
    row(C::SessionId, V::Dify, "gen_ai.session.id", Plain),
    row(C::SessionId, V::SpringAi, "spring.ai.chat.client.conversation.id", Plain),
    row(C::SessionId, V::VoltAgent, "conversation.id", Plain),
    row(C::SessionId, V::VoltAgent, "voltagent.conversation_id", Plain),
    // The trace's name.
    row(C::TraceName, V::OpenRouter, "trace.name", Plain),
    row(C::TraceName, V::Langfuse, "langfuse.trace.name", Plain),
    row(C::TraceName, V::LangSmith, "langsmith.trace.name", Plain),
    row(C::TraceName, V::GenAi, "gen_ai.workflow.name", Plain),
    row(C::TraceName, V::OpenLlmetry, "traceloop.workflow.name", Plain),
    row(C::TraceName, V::VercelAi, "ai.telemetry.functionId", Plain),
    row(C::TraceName, V::Genkit, "genkit:metadata:flow:name", Plain),
    // Marks of a canned generation ("Send Trace"). Connection tests have no attributes: `LlmKeys::read` knows their ids.
    row(C::IsTest, V::OpenRouter, "source", Says(TEST_SOURCE)),
    row(C::IsTest, V::OpenRouter, "trace.metadata.source", Says(TEST_SOURCE)),
    row(C::IsTest, V::OpenRouter, "span.metadata.source", Says(TEST_SOURCE)),
    row(C::IsTest, V::OpenRouter, "trace.name", Says("Test Trace - OpenRouter Observability")),
];

const TEST_SOURCE: &str = "observability-test-button";

/// What a key that fills no column says of the request that a span tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    /// The id of the answer, as the provider gave it.
    Answer,
    /// What AG2's record of some usage is of.
    Ag2Usage,
    /// What Logfire's span is: a span, the beginning of one, or a log that it writes as one.
    LogfireSpan,
}

/// The keys of the hints.
pub(super) const HINTS: [(Hint, &str); 3] = [
    (Hint::Answer, "gen_ai.response.id"),
    (Hint::Ag2Usage, "ag2.usage.kind"),
    (Hint::LogfireSpan, "logfire.span_type"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn rows_stand_by_column_and_none_stands_twice() {
        let mut seen = HashSet::new();
        let mut at = 0;
        for source in TABLE {
            let place = Column::ALL.iter().position(|column| *column == source.column).unwrap();
            assert!(place >= at, "{} out of order", source.key);
            at = place;
            let row = (place, source.key, format!("{:?} {:?}", source.form, source.only_if));
            assert!(seen.insert(row), "{} twice", source.key);
        }
    }

    #[test]
    fn every_column_but_the_span_name_has_a_source() {
        for column in Column::ALL.iter().filter(|column| **column != Column::GenerationName) {
            assert!(TABLE.iter().any(|source| source.column == *column), "{}", column.name());
        }
    }
}
