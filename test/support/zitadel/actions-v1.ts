/**
 * Running a script of Actions V1 with what ZITADEL gives it: `ctx`, `api`, and the modules `zitadel/http`, `zitadel/log`
 * and `zitadel/uuid`. ZITADEL's engine is goja (ECMAScript 5.1 and most of 6); here it is QuickJS, which knows more.
 *
 * `fetch` waits there, and cannot here: at a fetch the run is given up, the request is made, and the script runs again
 * from the start with the answer at hand. So what it does to `api` counts only when it has come to its end.
 */
import variant from '@jitl/quickjs-wasmfile-release-sync';
import type { QuickJSContext, QuickJSSyncVariant, QuickJSWASMModule } from 'quickjs-emscripten-core';
import { newQuickJSWASMModuleFromVariant } from 'quickjs-emscripten-core';
import type { Asked, Fetched } from './actions-v1-http.ts';
import { askedOf, fetchNow, shownAnswer } from './actions-v1-http.ts';
import { uuidModule } from './actions-v1-uuid.ts';
import type { HostValue } from './actions-v1-values.ts';
import { fromScript, toScript } from './actions-v1-values.ts';

/** ZITADEL takes no longer ones. */
const MAX_TIMEOUT_MS = 20_000;
const MAX_FETCHES = 20;
const MEMORY_BYTES = 32 * 1024 * 1024;

export interface ActionGiven {
  /** As the script sees it; functions are called while it runs, and only look. */
  readonly ctx: HostValue;
  /** Functions in it are called in order once the script has ended, however it has. */
  readonly api: HostValue;
  readonly timeoutMs?: number;
  /** Names and addresses that `fetch` refuses; ZITADEL's own default has `localhost` and `127.0.0.1`. */
  readonly denylist?: readonly string[];
}

export interface ActionRun {
  /** Why it failed; a login fails with it unless the action may. */
  readonly error?: string;
  readonly logs: readonly string[];
  readonly fetched: readonly Fetched[];
}

let engine: Promise<QuickJSWASMModule> | undefined;

export async function runActionV1(
  script: string,
  functionName: string,
  given: ActionGiven,
): Promise<ActionRun> {
  engine ??= newQuickJSWASMModuleFromVariant(variant as unknown as QuickJSSyncVariant);
  const quickJs = await engine;
  const deadline = Date.now() + Math.min(given.timeoutMs ?? MAX_TIMEOUT_MS, MAX_TIMEOUT_MS);
  const fetched: Fetched[] = [];
  for (;;) {
    const turn = runOnce(quickJs, { script, functionName, given, deadline, fetched });
    if (turn.wanted && fetched.length < MAX_FETCHES) {
      fetched.push(await fetchNow(turn.wanted, { denylist: given.denylist ?? [], deadline }));
      continue;
    }
    for (const call of turn.calls) call();
    return { ...(turn.error !== undefined && { error: turn.error }), logs: turn.logs, fetched };
  }
}

interface Turn {
  /** What it waits for; nothing else of the turn counts then. */
  wanted?: Asked;
  error?: string;
  readonly logs: string[];
  readonly calls: (() => void)[];
}

interface Once {
  readonly script: string;
  readonly functionName: string;
  readonly given: ActionGiven;
  readonly deadline: number;
  readonly fetched: readonly Fetched[];
}

function runOnce(quickJs: QuickJSWASMModule, once: Once): Turn {
  const turn: Turn = { logs: [], calls: [] };
  let isOver = false;
  /** What fails in ZITADEL's own code is no exception of the script's: it cannot be caught, and nothing runs after it. */
  const panic = (message: string): never => {
    if (!isOver) turn.error = message;
    isOver = true;
    throw new Error(message);
  };
  const runtime = quickJs.newRuntime();
  runtime.setMemoryLimit(MEMORY_BYTES);
  runtime.setInterruptHandler(() => isOver || Date.now() > once.deadline);
  const vm = runtime.newContext();
  try {
    let fetches = 0;
    const modules = modulesOf({
      log: (line) => turn.logs.push(line),
      panic,
      fetch(args) {
        const answer = once.fetched[fetches++];
        if (!answer) {
          turn.wanted = askedOf(args, panic);
          return panic('waits for an answer');
        }
        return answer.error === undefined ? shownAnswer(answer, panic) : panic(answer.error);
      },
    });
    const guarded = (work: () => HostValue): HostValue => (isOver ? panic('over') : work());
    const live = {
      call: (fn: (...args: never[]) => HostValue, args: unknown[]) => guarded(() => fn(...(args as never[]))),
    };
    const later = {
      call: (fn: (...args: never[]) => HostValue, args: unknown[]) =>
        guarded(() => {
          turn.calls.push(() => void fn(...(args as never[])));
          return undefined;
        }),
    };
    const require = (name: string) => modules[name] ?? panic(`Invalid module: ${name}`);
    toScript(vm, require as never, live).consume((made) => vm.setProp(vm.global, 'require', made));
    toScript(vm, once.given.ctx, live).consume((made) => vm.setProp(vm.global, '__ctx', made));
    toScript(vm, once.given.api, later).consume((made) => vm.setProp(vm.global, '__api', made));
    const failure = evaluate(vm, once);
    if (failure !== undefined && !isOver) turn.error = Date.now() > once.deadline ? 'halt' : failure;
  } finally {
    vm.dispose();
    runtime.dispose();
  }
  return turn;
}

function evaluate(vm: QuickJSContext, { script, functionName }: Once): string | undefined {
  const name = JSON.stringify(functionName);
  const call = `{ const c = __ctx, a = __api; delete globalThis.__ctx; delete globalThis.__api;
    const f = globalThis[${name}]; if (typeof f !== 'function') throw new Error('function not found'); f(c, a); }`;
  for (const code of [script, call]) {
    const result = vm.evalCode(code, 'action.js', { type: 'global' });
    if (result.error) {
      const thrown = fromScript(vm, result.error) as { message?: string } | undefined;
      result.error.dispose();
      return String(thrown?.message ?? thrown ?? 'failed');
    }
    result.value.dispose();
  }
  return undefined;
}

interface Outside {
  log(line: string): void;
  panic(message: string): never;
  fetch(args: unknown[]): HostValue;
}

function modulesOf(outside: Outside): Record<string, HostValue> {
  const logs =
    (level: string) =>
    (...args: unknown[]) => {
      outside.log(`${level}: ${args.map(String).join(' ')}`);
      return undefined;
    };
  return {
    'zitadel/http': { fetch: (...args: unknown[]) => outside.fetch(args) },
    'zitadel/log': { log: logs('log'), warn: logs('warn'), error: logs('error') },
    'zitadel/uuid': uuidModule(outside.panic),
  } as Record<string, HostValue>;
}
