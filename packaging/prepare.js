// Plain JavaScript on purpose: npm runs it on whatever Node there is. Compiling only makes starts faster; the sources run without.
try {
  const { build } = await import('./build.ts');
  await build();
} catch (error) {
  // Development's packages were left out, this Node runs no TypeScript, or nothing may be written here.
  process.stderr.write(`Not compiled, so the sources run: ${error.code ?? error.message}\n`);
}
