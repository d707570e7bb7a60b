/** Time that passes when somebody waits. */
export function fakeClock(startMs = Date.parse('2026-03-01T08:00:00Z')) {
  const clock = {
    ms: startMs,
    waits: [] as number[],
    nowMs: () => clock.ms,
    sleep: async (ms: number) => {
      clock.waits.push(ms);
      clock.ms += ms;
    },
  };
  return clock;
}
