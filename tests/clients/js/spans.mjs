// What `export.mjs` sets, span by span, and what must arrive: one table, so that neither can drift from the other.
//
// An attribute is a triple: key, value given to the SDK, value that must stand on the wire. The third is written by hand
// and not computed from the second: how the SDK maps JavaScript's one number type to int and double is part of what is tested.

import { SpanKind, SpanStatusCode } from '@opentelemetry/api';

const string = (s) => ({ string: s });
const int = (digits) => ({ int: digits });
const double = (digits) => ({ double: digits });
const bool = (b) => ({ bool: b });
const array = (...values) => ({ array: values });
const EMPTY = 'empty';

export const LIMITS = {
  attributeCountLimit: 12,
  eventCountLimit: 3,
  linkCountLimit: 2,
  attributePerEventCountLimit: 3,
  attributePerLinkCountLimit: 2,
};

export const RESOURCE = {
  schemaUrl: 'https://opentelemetry.io/schemas/1.37.0',
  attributes: [
    ['service.name', 'checkout "ζ"', string('checkout "ζ"')],
    ['service.version', '1.2.3-rc.1', string('1.2.3-rc.1')],
    ['process.pid', 4711, int('4711')],
    ['process.command_args', ['node', '--flag=a\\b', ''], array(string('node'), string('--flag=a\\b'), string(''))],
    ['host.load', 0.75, double('0.75')],
    ['deployment.canary', false, bool(false)],
  ],
};

export const SCOPES = {
  full: { name: '@acme/gen-ai', version: '0.9.0', schemaUrl: 'https://opentelemetry.io/schemas/1.36.0' },
  bare: { name: 'queue' },
};

const TRACE_A = '5b8efff798038103d269b633813fc60c';
const TRACE_B = '00000000000000000000000000000001';
const TRACE_REMOTE = 'ffffffffffffffffffffffffffffffff';

const MESSAGES = JSON.stringify([
  { role: 'system', parts: [{ type: 'text', content: 'Answer in "one" line.\nNo C:\\paths.' }] },
  { role: 'user', parts: [{ type: 'text', content: 'Grüße, 世界 👋\t\u0001\u2028end' }] },
]);

const EVERY_ESCAPE = '" \\ / \b \f \n \r \t \u0000 \u001f \u007f \u2028 \u2029 \ufeff';

/// What the specification allows, and every receiver must take as it is.
export const SPANS = [
  {
    scope: 'full',
    traceId: TRACE_A,
    spanId: 'eee19b7ec3c1b173',
    name: 'POST /v1/chat',
    kind: SpanKind.SERVER,
    wireKind: 2,
    start: '1764000000000000001',
    end: '1764000003123456789',
    flags: 0x101,
    attributes: [
      ['string.escapes', EVERY_ESCAPE, string(EVERY_ESCAPE)],
      ['string.unicode', 'Ünï 世界 👩‍🚀 e\u0301', string('Ünï 世界 👩‍🚀 e\u0301')],
      ['ключ "с" \\', '', string('')],
      ['int.zero', -0, int('0')],
      ['int.negative', -42, int('-42')],
      ['int.max_safe', Number.MAX_SAFE_INTEGER, int('9007199254740991')],
      ['int.beyond_2_53', 2 ** 53 + 2, int('9007199254740994')],
      // The shortest digits that read back as 2^62, filled up with zeros: JavaScript's text for it, not its exact value.
      ['int.two_to_62', 2 ** 62, int('4611686018427388000')],
      ['int.two_to_62_negative', -(2 ** 62), int('-4611686018427388000')],
      ['double.integral', 1.0, int('1')],
      ['bool.true', true, bool(true)],
      ['bool.false', false, bool(false)],
    ],
    status: { code: SpanStatusCode.OK },
  },
  {
    scope: 'full',
    traceId: TRACE_A,
    spanId: '0000000000000001',
    parent: { spanId: 'eee19b7ec3c1b173' },
    name: 'chat gpt-5 "mini" — ünïcode',
    kind: SpanKind.CLIENT,
    wireKind: 3,
    start: '1764000000500000000',
    end: '1764000002999999999',
    flags: 0x101,
    attributes: [
      ['gen_ai.operation.name', 'chat', string('chat')],
      ['gen_ai.input.messages', MESSAGES, string(MESSAGES)],
      ['gen_ai.usage.input_tokens', 1234, int('1234')],
      ['gen_ai.request.temperature', 0.1, double('0.1')],
      ['double.smallest', 5e-324, double('5e-324')],
      // Beyond 2^52 every double is integral, and the SDK sends it as an int: this is the largest that stays a double.
      ['double.largest', 2 ** 52 - 0.5, double('4503599627370495.5')],
      ['double.negative', -2.5e-7, double('-2.5e-7')],
      ['double.third', 1 / 3, double('0.3333333333333333')],
      // JSON.stringify turns what is not finite into null, and `"doubleValue": null` is an AnyValue without a member.
      ['double.nan', NaN, EMPTY],
      ['double.infinity', Infinity, EMPTY],
    ],
    events: [
      {
        name: 'gen_ai.choice',
        time: '1764000001000000001',
        attributes: [
          ['index', 0, int('0')],
          ['finish_reason', 'stop', string('stop')],
          ['absent', null, EMPTY],
        ],
      },
      {
        name: 'exception',
        time: '1764000002000000002',
        attributes: [
          ['exception.message', 'quota "exceeded"\n\tat chat.js:1', string('quota "exceeded"\n\tat chat.js:1')],
          ['exception.escaped', true, bool(true)],
          ['retry.delays', [0.5, 1.5], array(double('0.5'), double('1.5'))],
        ],
        dropped: 2,
      },
      { name: '', time: '18446744073709551615' },
    ],
    status: { code: SpanStatusCode.ERROR, message: 'quota "exceeded": 429 – später erneut' },
  },
  {
    scope: 'full',
    traceId: TRACE_A,
    spanId: 'ffffffffffffffff',
    parent: { spanId: '0000000000000001' },
    name: 'arrays and limits',
    kind: SpanKind.INTERNAL,
    wireKind: 1,
    start: '1764000001000000000',
    end: '1764000001000000000',
    flags: 0x101,
    attributes: [
      ['strings', ['a', 'ü"\\', ''], array(string('a'), string('ü"\\'), string(''))],
      ['ints', [1, -2, 9007199254740991], array(int('1'), int('-2'), int('9007199254740991'))],
      ['doubles', [0.25, -1e-9], array(double('0.25'), double('-1e-9'))],
      ['ints and doubles', [1, 1.5], array(int('1'), double('1.5'))],
      ['bools', [true, false], array(bool(true), bool(false))],
      ['holes', [1, null, 3], array(int('1'), EMPTY, int('3'))],
      ['none', [], array()],
      ['filler.1', 1, int('1')],
      ['filler.2', 2, int('2')],
      ['filler.3', 3, int('3')],
      ['filler.4', 4, int('4')],
      ['filler.5', 5, int('5')],
    ],
    droppedAttributes: 5,
    events: [
      { name: 'kept.1', time: '1764000001000000000' },
      { name: 'kept.2', time: '1764000001000000000' },
      { name: 'kept.3', time: '1764000001000000000' },
    ],
    droppedEvents: 4,
    links: [
      { traceId: TRACE_A, spanId: 'eee19b7ec3c1b173', flags: 0x101 },
      { traceId: TRACE_B, spanId: '00f067aa0ba902b7', flags: 0x100, unsampled: true },
    ],
    droppedLinks: 3,
  },
  {
    scope: 'bare',
    traceId: TRACE_A,
    spanId: 'abcdef0123456789',
    parent: { spanId: 'eee19b7ec3c1b173' },
    name: 'publish',
    kind: SpanKind.PRODUCER,
    wireKind: 4,
    start: '1764000003000000000',
    end: '1764000003000000999',
    flags: 0x101,
  },
  {
    scope: 'bare',
    traceId: TRACE_B,
    spanId: '00f067aa0ba902b7',
    parent: { spanId: '1234567890abcdef', remote: true, traceState: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE' },
    traceState: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
    name: 'consume',
    kind: SpanKind.CONSUMER,
    wireKind: 5,
    start: '1764000004000000000',
    end: '1764000005000000000',
    flags: 0x301,
    links: [
      {
        traceId: TRACE_REMOTE,
        spanId: 'abcdef0123456789',
        traceState: 'vendor=opaque/1',
        remote: true,
        flags: 0x301,
        attributes: [
          ['link.reason', 'batch "1"', string('batch "1"')],
          ['link.weight', 0.5, double('0.5')],
        ],
        dropped: 1,
      },
    ],
  },
];

/// What it forbids, and the SDK sends all the same: every integral number as an `intValue`, however large. A strict receiver
/// refuses the span; one that keeps it can only keep the digits, as text.
export const FAULTY_SPANS = [
  {
    scope: 'bare',
    traceId: TRACE_B,
    spanId: '0000000000000002',
    name: 'beyond int64',
    kind: SpanKind.INTERNAL,
    wireKind: 1,
    start: '1764000006000000000',
    end: '1764000007000000000',
    flags: 0x101,
    attributes: [
      ['before', 1, int('1')],
      ['two_to_64', 2 ** 64, string('18446744073709552000')],
      ['largest', Number.MAX_VALUE, string('1.7976931348623157e+308')],
      ['after', true, bool(true)],
    ],
  },
];
