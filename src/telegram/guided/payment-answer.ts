/** A payment as the answer of a step: its provider has no space in its name. */
export function formatPaymentAnswer(payment: { provider: string; transactionId: string }): string {
  return `${payment.provider} ${payment.transactionId}`;
}

export function parsePaymentAnswer(answer: string): { provider: string; transactionId: string } {
  const at = answer.indexOf(' ');
  return { provider: answer.slice(0, at), transactionId: answer.slice(at + 1) };
}
