/**
 * What Telegram finds wrong with a link; undefined when it takes it. A host without a dot is wrong, so a link to
 * http://localhost works nowhere: a button with it is refused, and in a text it silently stays plain.
 */
export function whyLinkIsWrong(url: string): string | undefined {
  if (url.startsWith('tg://') || url.startsWith('ton://')) return undefined;
  const host = /^(?:https?:\/\/)?([^/?#:]*)/i.exec(url)?.[1] ?? '';
  if (host === '') return 'URL host is empty';
  const isIpv6 = /^(?:https?:\/\/)?\[/i.test(url);
  return host.includes('.') || isIpv6 ? undefined : 'Wrong HTTP URL';
}
