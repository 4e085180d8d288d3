import type { Document, PhotoSize } from '@grammyjs/types';
import { textOf } from './parameters.ts';
import { refusals } from './refusal.ts';
import type { Call } from './telegram.ts';
import type { StoredFile, World } from './world.ts';

const PHOTO_BYTES_MAX = 10_000_000;
const DOCUMENT_BYTES_MAX = 50_000_000;

/** Files of a call, read from the request before the method runs (the methods themselves do not wait). */
export async function storeUploads(world: World, files: Record<string, File>): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  for (const [name, file] of Object.entries(files)) {
    const bytes = Buffer.from(await file.arrayBuffer());
    const id = `file-${Object.keys(world.files).length + 1}`;
    world.files[id] = {
      id,
      name: file.name,
      mimeType: file.type || 'application/octet-stream',
      bytesBase64: bytes.toString('base64'),
      sizeBytes: bytes.length,
    };
    ids[name] = id;
  }
  return ids;
}

export function readUpload(call: Call, name: string): Document {
  const file = getFileOf(call, name);
  if (file.sizeBytes > DOCUMENT_BYTES_MAX) throw refusals.requestEntityTooLarge();
  return {
    file_id: file.id,
    file_unique_id: `unique-${file.id}`,
    file_name: file.name,
    mime_type: file.mimeType,
    file_size: file.sizeBytes,
  };
}

export function readPhoto(call: Call): PhotoSize[] {
  const file = getFileOf(call, 'photo');
  if (file.sizeBytes > PHOTO_BYTES_MAX) throw refusals.fileIsTooBig();
  const size = sizeOfImage(Buffer.from(file.bytesBase64, 'base64'));
  if (!size) throw refusals.imageProcessFailed();
  return [{ file_id: file.id, file_unique_id: `unique-${file.id}`, ...size, file_size: file.sizeBytes }];
}

/** A file of this request (as itself or by `attach://name`), or one that Telegram has already, by its id. */
function getFileOf({ telegram, parameters }: Call, name: string): StoredFile {
  const given = textOf(parameters, name);
  if (given === '') throw refusals.fileIsEmpty(name);
  const file = telegram.world.files[given];
  if (!file) throw refusals.wrongFileId();
  if (file.sizeBytes === 0) throw refusals.fileMustBeNonEmpty();
  return file;
}

function sizeOfImage(bytes: Buffer): { width: number; height: number } | undefined {
  const isPng = bytes.length > 24 && bytes.readUInt32BE(0) === 0x89_50_4e_47;
  if (isPng) return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  return bytes.readUInt16BE(0) === 0xff_d8 ? sizeOfJpeg(bytes) : undefined;
}

function sizeOfJpeg(bytes: Buffer): { width: number; height: number } | undefined {
  let at = 2;
  while (at + 9 < bytes.length) {
    const marker = bytes[at + 1]!;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}
