/** The part of npm `bcrypt` that is used; the package ships no types. */
declare module 'bcrypt' {
  const bcrypt: {
    hashSync(data: string | Buffer, salt: string): string;
    hash(data: string | Buffer, roundsOrSalt: number | string): Promise<string>;
    compare(data: string, hash: string): Promise<boolean>;
  };
  export default bcrypt;
}
