import { attempt, byId, getJson, postJson } from './elements.js';

const LOOK_EVERY_MS = 1_000;

/** The app on the phone of whoever one is: it has scanned the picture that /enroll sent, and shows a code that changes every thirty seconds. */
export function startAuthenticator(whoAmI) {
  byId('authenticator-type').onclick = () => attempt(() => typeCode(whoAmI()));
  const look = () => refresh(whoAmI()).catch(() => {});
  setInterval(look, LOOK_EVERY_MS);
  look();
}

async function refresh(me) {
  const { shown } = await getJson(`/chat/authenticator?as=${me}`);
  byId('authenticator-code').textContent = shown ? `${shown.code.slice(0, 3)} ${shown.code.slice(3)}` : '';
  byId('authenticator-type').hidden = !shown;
  byId('authenticator-hint').textContent = shown
    ? `On your phone; the next code comes in ${Math.ceil(shown.leftMs / 1000)} s.`
    : 'On your phone. It is empty: send /enroll to the bot in private.';
}

async function typeCode(me) {
  const { shown } = await getJson(`/chat/authenticator?as=${me}`);
  await postJson('/chat/say', { as: me, chat: me, text: shown.code });
}
