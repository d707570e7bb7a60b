/** The single bytes in which MS-DOS, and after it Windows for LM hashes, wrote text. */

/** The characters of bytes 128 to 255. */
const CODEPAGES = {
  cp437:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ',
  cp850:
    'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´­±‗¾¶§÷¸°¨·¹³²■ ',
} as const;

export type Codepage = keyof typeof CODEPAGES;

export function isCodepage(name: string): name is Codepage {
  return Object.hasOwn(CODEPAGES, name);
}

/** Throws a `RangeError` where a character is in no place of the code page. */
export function inCodepage(text: string, codepage: Codepage): Buffer {
  const bytes = [...text].map((character) => {
    const code = character.codePointAt(0)!;
    const high = CODEPAGES[codepage].indexOf(character);
    if (code >= 128 && high < 0) throw new RangeError('a character is not in the code page');
    return code < 128 ? code : 128 + high;
  });
  return Buffer.from(bytes);
}
