/** The system's word that a process is broken. With a listener in JavaScript it would repeat the broken instruction for ever. */
export const crashSignals = [
  ...(['SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGSEGV', 'SIGTRAP'] as const),
]
