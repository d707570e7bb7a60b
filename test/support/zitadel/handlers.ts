/** How the methods of a service are written down here: by name, from message to message, both as protobuf-JSON. */
import type { DescMessage, DescService, JsonValue, MessageJsonType } from '@bufbuild/protobuf';
import type { Actor, Instance } from './instance.ts';

export interface Call {
  readonly instance: Instance;
  readonly actor: Actor;
  /** The organization that a call of the first version works in: its header, or the actor's own. */
  readonly organization: string;
  /** Whether that was said in the header. */
  readonly namesOrganization: boolean;
  may(permission: string): boolean;
}

interface Methods {
  readonly method: Record<string, { readonly input: DescMessage; readonly output: DescMessage }>;
}

export type Handlers<S extends Methods> = {
  readonly [M in keyof S['method']]?: (
    request: MessageJsonType<S['method'][M]['input']>,
    call: Call,
  ) => MessageJsonType<S['method'][M]['output']> | Promise<MessageJsonType<S['method'][M]['output']>>;
};

export type Handler = (request: JsonValue, call: Call) => JsonValue | Promise<JsonValue>;

/** By full method name. */
export function handle<S extends DescService & Methods>(
  service: S,
  methods: Handlers<S>,
): [string, Handler][] {
  return Object.entries(methods).map(([name, handler]) => {
    const method = service.method[name]! as { readonly name?: string };
    return [`/${service.typeName}/${method.name}`, handler as Handler];
  });
}
