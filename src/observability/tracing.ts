/**
 * Traces through the OpenTelemetry API: it does nothing by itself. Whoever runs us brings an SDK (`node --import`), which decides
 * what is kept and where it goes. Names and attributes are from closed sets: never a value, a path or a statement.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Attributes, Context, Span, TextMapGetter, TracerProvider } from '@opentelemetry/api';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { isFootbridgeError } from '../errors.ts';

/** Work as a span of its own, within the span that is open. */
export type InSpan = <T>(name: string, attributes: Attributes, work: () => T) => T;
export const noSpan: InSpan = (_name, _attributes, work) => work();

export interface Tracing {
  /** Somebody keeps traces. */
  readonly isOn: boolean;
  readonly inSpan: InSpan;
  /** Of the request that is being served; undefined where nobody named one and nobody keeps traces. */
  traceId(req: Pick<IncomingMessage, 'headers'>): string | undefined;
  /** A request, as part of its caller's trace; `work` is given what names it once its route is known. */
  serving(req: IncomingMessage, res: ServerResponse, work: (name: (route: string) => void) => void): void;
}

const unnamed = () => undefined;
const OFF: Tracing = {
  isOn: false,
  inSpan: noSpan,
  traceId: traceIdOf,
  serving: (_req, _res, work) => work(unnamed),
};

/** Asked once, at the start: without an SDK nothing of it costs anything. */
export function openTracing(): Tracing {
  if (!isRegistered(trace.getTracerProvider())) return OFF;
  const tracer = trace.getTracer('footbridge');
  return {
    isOn: true,
    inSpan: (name, attributes, work) =>
      tracer.startActiveSpan(name, { kind: SpanKind.CLIENT, attributes }, (span) => ended(span, work)),
    traceId: () => trace.getActiveSpan()?.spanContext().traceId,
    serving(req, res, work) {
      const method = methodOf(req);
      const attributes = { 'http.request.method': method };
      const span = tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, callerOf(req));
      res.once('close', () => {
        span.setAttribute('http.response.status_code', res.statusCode);
        if (res.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      });
      const name = (route: string) =>
        void span.updateName(`${method} /${route}`).setAttribute('http.route', route);
      context.with(trace.setSpan(callerOf(req), span), () => work(name));
    },
  };
}

/** Until somebody registers one, the API hands out a stand-in that leads nowhere. */
function isRegistered(provider: TracerProvider): boolean {
  if (!('getDelegateTracer' in provider)) return true;
  return (
    (provider as { getDelegateTracer(name: string): unknown }).getDelegateTracer('footbridge') !== undefined
  );
}

function ended<T>(span: Span, work: () => T): T {
  try {
    const result = work();
    if (!isPromise(result)) {
      span.end();
      return result;
    }
    return result.then(
      (value) => {
        span.end();
        return value;
      },
      (error: unknown) => {
        failed(span, error);
        throw error;
      },
    ) as T;
  } catch (error) {
    failed(span, error);
    throw error;
  }
}

/** Never the message, which may quote what was asked for. */
function failed(span: Span, error: unknown): void {
  span.setAttribute('error.type', isFootbridgeError(error) ? error.code : 'internal');
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

export const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';

/** W3C Trace Context; `baggage` is not taken over: it is anybody's word, and would be handed on to targets. */
const CONTEXT_HEADERS = ['traceparent', 'tracestate'] as const;
/** As version 00 writes it; whoever writes it otherwise is nobody's caller. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
export const methodOf = ({ method = '' }: Pick<IncomingMessage, 'method'>): string =>
  METHODS.has(method) ? method : 'other';

export function traceIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const { traceparent } = headers;
  return typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
}

const getter: TextMapGetter<IncomingMessage> = {
  keys: () => [...CONTEXT_HEADERS],
  get: ({ headers }, key) => (CONTEXT_HEADERS.some((name) => name === key) ? headers[key] : undefined),
};
const callerOf = (req: IncomingMessage): Context =>
  traceIdOf(req) === undefined ? context.active() : propagation.extract(context.active(), req, getter);

/** For a call to somebody else: headers that make it part of the trace that is open; without an SDK none. */
export function traceHeaders(): Readonly<Record<string, string>> {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return Object.fromEntries(
    Object.entries(carrier).filter(([name]) => CONTEXT_HEADERS.some((one) => one === name)),
  );
}
