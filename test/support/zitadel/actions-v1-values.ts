/** Values on their way into a script and out of it. */
import type { QuickJSContext, QuickJSHandle } from 'quickjs-emscripten-core';

export type HostValue =
  | undefined
  | null
  | boolean
  | number
  | string
  | readonly HostValue[]
  | ((...args: never[]) => HostValue)
  | { readonly [name: string]: HostValue };

/** How a function of ours is called by a script. */
export interface Caller {
  call(fn: (...args: never[]) => HostValue, args: unknown[]): HostValue;
}

export function toScript(vm: QuickJSContext, value: HostValue, caller: Caller): QuickJSHandle {
  if (value === undefined) return vm.undefined;
  if (value === null) return vm.null;
  if (typeof value === 'boolean') return value ? vm.true : vm.false;
  if (typeof value === 'number') return vm.newNumber(value);
  if (typeof value === 'string') return vm.newString(value);
  if (typeof value === 'function') {
    return vm.newFunction('', (...handles) => {
      const args = handles.map((handle) => fromScript(vm, handle));
      return toScript(vm, caller.call(value, args), caller);
    });
  }
  const made = Array.isArray(value) ? vm.newArray() : vm.newObject();
  for (const [name, inner] of Object.entries(value)) {
    const handle = toScript(vm, inner, caller);
    vm.setProp(made, name, handle);
    handle.dispose();
  }
  return made;
}

export const fromScript = (vm: QuickJSContext, handle: QuickJSHandle): unknown => vm.dump(handle);
