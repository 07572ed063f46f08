/** Devices: what they or their pictures answer, and files on their way to them. */
import type { ErrorRow } from './row.ts'

export const devices = {
  FILE_TOO_LARGE: {
    status: 413,
    en: 'This file is larger than 256 MB.',
    pt: 'Este arquivo tem mais de 256 MB.',
  },
  FILE_QUOTA: {
    status: 409,
    en: 'Too many files are waiting on the server. Send them to a printer, or wait until they are deleted.',
    pt: 'Há arquivos demais esperando no servidor. Envie-os a uma impressora ou aguarde até que sejam apagados.',
  },
  FILE_GONE: {
    status: 410,
    en: 'This file is no longer on the server. Send it again.',
    pt: 'Este arquivo não está mais no servidor. Envie-o de novo.',
  },
  FILE_BROKEN: {
    status: 502,
    en: 'The file did not reach the agent whole and unchanged.',
    pt: 'O arquivo não chegou inteiro e inalterado ao agente.',
  },
  DEVICE_UNREACHABLE: {
    status: 502,
    retry: true,
    en: 'The device does not answer at its address.',
    pt: 'O equipamento não responde em seu endereço.',
  },
  DEVICE_TIMEOUT: {
    status: 504,
    retry: true,
    en: 'The device took too long to answer.',
    pt: 'O equipamento demorou demais para responder.',
  },
  DEVICE_TIME_LIMIT: {
    status: 504,
    en: 'The exchange took longer than this device’s time limit.',
    pt: 'A troca demorou mais que o limite de tempo deste equipamento.',
  },
  DEVICE_PROTOCOL: {
    status: 502,
    en: 'The device sent an answer that is not valid HTTP.',
    pt: 'O equipamento enviou uma resposta que não é HTTP válido.',
  },
  DEVICE_LOST: {
    status: 502,
    retry: true,
    en: 'The connection to the device was lost on the way.',
    pt: 'A conexão com o equipamento se perdeu no caminho.',
  },
  DEVICE_ANSWER: {
    status: 502,
    en: 'The device sent an answer that is not of its kind.',
    pt: 'O equipamento enviou uma resposta que não é do tipo dele.',
  },
  PRINTER_STATE: {
    status: 409,
    en: 'The state of the printer does not allow this.',
    pt: 'O estado da impressora não permite isto.',
  },
  PRINTER_FILE: {
    status: 409,
    en: 'The printer does not know this file.',
    pt: 'A impressora não conhece este arquivo.',
  },
  SERIAL_BUSY: {
    status: 503,
    retry: true,
    en: 'Another program is using this serial port.',
    pt: 'Outro programa usa esta porta serial.',
  },
  SERIAL_ABSENT: {
    status: 502,
    retry: true,
    en: 'The agent may use no serial port at this address.',
    pt: 'O agente não pode usar porta serial neste endereço.',
  },
  SERIAL_MISSING: {
    status: 502,
    en: 'The agent has no package serialport.',
    pt: 'O agente não tem o pacote serialport.',
  },
  CAMERA_NO_PICTURE: {
    status: 502,
    en: 'The camera gives no picture at any of the usual addresses.',
    pt: 'A câmera não dá imagem em nenhum dos endereços usuais.',
  },
  CAMERA_SIGN_IN: {
    status: 502,
    en: 'The camera wants a user name and a password: add them to the device.',
    pt: 'A câmera pede usuário e senha: informe-os no equipamento.',
  },
  CAMERA_BUSY: {
    status: 503,
    retry: true,
    en: 'Too many people are watching now.',
    pt: 'Há pessoas demais assistindo agora.',
  },
  DEVICE_SIGN_IN_REFUSED: {
    status: 502,
    en: 'The device refused the registered login and password.',
    pt: 'O equipamento recusou o login e a senha cadastrados.',
  },
  TARGET_FORBIDDEN: {
    status: 502,
    en: 'The agent does not allow this address.',
    pt: 'O agente não permite este endereço.',
  },
} as const satisfies Record<string, ErrorRow>
