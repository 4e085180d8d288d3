const HEAD_END = '\r\n\r\n';
const LENGTH_HEADER = 'content-length: ';

/** Reads the answers of one keep-alive connection, whatever pieces they come in, and tells the status of each. */
export function createAnswerReader(onAnswer: (status: number) => void): (bytes: Buffer) => void {
  let unread = '';
  return (bytes) => {
    unread += bytes.toString('latin1');
    for (;;) {
      const end = endOfAnswer(unread);
      if (end === null) return;
      const status = Number(unread.slice(9, 12));
      unread = unread.slice(end);
      onAnswer(status);
    }
  };
}

/** Null while something is missing. Every answer of the service tells its length. */
function endOfAnswer(text: string): number | null {
  const headEnd = text.indexOf(HEAD_END);
  if (headEnd < 0) return null;
  const lengthAt = text.indexOf(LENGTH_HEADER);
  if (lengthAt < 0 || lengthAt > headEnd) throw new Error(`an answer without a length: ${text.slice(0, headEnd)}`);
  const end = headEnd + HEAD_END.length + Number.parseInt(text.slice(lengthAt + LENGTH_HEADER.length), 10);
  return text.length >= end ? end : null;
}
