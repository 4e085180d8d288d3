/**
 * The forms one JSON document takes when something on the way parses and writes it again. Works on tokens, so numbers
 * and strings keep their own spelling (`1.50`, `1E2`, twenty digits) which parsing would lose.
 */
export function* jsonLayouts(text: string): Generator<{ name: string; text: string }> {
  const tokens = tokensOf(text);
  if (!tokens) return;
  for (const [stringName, respell] of Object.entries(STRING_SPELLINGS)) {
    const spelt = tokens.map((token) => (token.startsWith('"') ? respell(token) : token));
    for (const [layoutName, layout] of Object.entries(LAYOUTS)) {
      const laidOut = layout(spelt);
      if (laidOut !== null) yield { name: `${layoutName}, ${stringName}`, text: laidOut };
    }
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;

function tokensOf(text: string): string[] | null {
  try {
    JSON.parse(text);
  } catch {
    return null; // not JSON: there is nothing to lay out, and `body_truncated` is found elsewhere
  }
  return text.match(TOKEN);
}

type Layout = (tokens: string[]) => string | null;

const LAYOUTS: Record<string, Layout> = {
  compact: (tokens) => tokens.join(''),
  'two spaces': (tokens) => indented(tokens, '  '),
  'two spaces and a newline': (tokens) => withNewline(indented(tokens, '  ')),
  'four spaces': (tokens) => indented(tokens, '    '),
  'four spaces and a newline': (tokens) => withNewline(indented(tokens, '    ')),
  tabs: (tokens) => indented(tokens, '\t'),
  'spaces after commas and colons': (tokens) =>
    tokens.map((token) => (token === ',' || token === ':' ? `${token} ` : token)).join(''),
};

type Respell = (literal: string) => string;

const STRING_SPELLINGS: Record<string, Respell> = {
  'strings as they are': (literal) => literal,
  'slashes escaped': escapeSlashes,
  'slashes plain': unescapeSlashes,
  'unicode escaped': escapeUnicode,
  'unicode and slashes escaped': (literal) => escapeSlashes(escapeUnicode(literal)),
  'unicode plain': unescapeUnicode,
  'unicode and slashes plain': (literal) => unescapeSlashes(unescapeUnicode(literal)),
};

function escapeSlashes(literal: string): string {
  return literal.replace(/\\.|\//gs, (match) => (match === '/' ? '\\/' : match));
}

function unescapeSlashes(literal: string): string {
  return literal.replace(/\\./gs, (match) => (match === '\\/' ? '/' : match));
}

function escapeUnicode(literal: string): string {
  return literal.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// Control characters must stay escaped, and a quote or backslash would end or bend the string.
function unescapeUnicode(literal: string): string {
  return literal.replace(/\\u([0-9a-fA-F]{4})|\\./gs, (match, hex?: string) => {
    const unit = hex === undefined ? 0 : Number.parseInt(hex, 16);
    return unit >= 0x80 ? String.fromCharCode(unit) : match;
  });
}

/** 30,000 brackets inside each other would take gigabytes to indent; no provider's event comes near this. */
const LAID_OUT_CHARS_MAX = 256 * 1024;
const LAID_OUT_DEPTH_MAX = 1000;

function withNewline(text: string | null): string | null {
  return text === null ? null : `${text}\n`;
}

function indented(tokens: string[], indent: string): string | null {
  let depth = 0;
  let text = '';
  const newline = () => `\n${indent.repeat(depth)}`;
  for (const [index, token] of tokens.entries()) {
    if (text.length > LAID_OUT_CHARS_MAX || depth > LAID_OUT_DEPTH_MAX) return null;
    const opens = token === '{' || token === '[';
    const closes = token === '}' || token === ']';
    const isEmpty = closes && index > 0 && (tokens[index - 1] === '{' || tokens[index - 1] === '[');
    if (closes) depth -= 1;
    if (closes && !isEmpty) text += newline();
    text += token === ':' ? ': ' : token;
    if (opens) depth += 1;
    const next = tokens[index + 1];
    if (token === ',' || (opens && next !== '}' && next !== ']')) text += newline();
  }
  return text;
}
