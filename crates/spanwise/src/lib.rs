//! Parses and validates OTLP JSON traces at memory speed.
