/** The part of npm `bcrypt` that is used; the package ships no types. */
declare module 'bcrypt' {
  const bcrypt: { hashSync(data: string | Buffer, salt: string): string };
  export default bcrypt;
}
