-- An id that looks like an e-mail address can be typed.

-- What a member of the team typed in private, where addresses and nothing else were masked in the payload: sealed with SECRET_KEY, for the questions
-- that ask for a customer's id, and emptied when the update is done or dead.
-- In a form (`state`, `answers`, `screen`, `action` of guided) a text with an address in it stands sealed too, as `sealed:` and base64.
alter table telegram_update add column sealed_words bytea;
