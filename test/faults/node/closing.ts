/** What a test has opened: closed in reverse, all of it, also when something of it has died or was never there. */
export function openClosing() {
  const closers: (() => unknown)[] = [];
  return {
    keep<T>(opened: T, close: (opened: T) => unknown): T {
      closers.push(() => close(opened));
      return opened;
    },
    async close(): Promise<void> {
      const problems: unknown[] = [];
      for (const close of closers.splice(0).reverse()) {
        try {
          await close();
        } catch (problem) {
          problems.push(problem);
        }
      }
      if (problems.length > 0) throw problems[0];
    },
  };
}
