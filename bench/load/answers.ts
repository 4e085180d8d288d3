const HEAD_END = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: *(\d+)\r\n/i;

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

/** Null while something is missing. Every answer to a webhook tells its length. */
function endOfAnswer(text: string): number | null {
  const headEnd = text.indexOf(HEAD_END);
  if (headEnd < 0) return null;
  const head = text.slice(0, headEnd + 2);
  const length = LENGTH.exec(head);
  if (!length) throw new Error(`an answer without a length: ${head}`);
  const end = headEnd + HEAD_END.length + Number(length[1]);
  return text.length >= end ? end : null;
}
