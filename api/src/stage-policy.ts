/**
 * Of `/stage.html` alone, where devices' pages are shown again (ADR 29): our script, no other; styles and pictures only as they
 * stand in the page; no request, no form, no frame from elsewhere. Frames in it are under the same policy.
 */
export const stagePath = '/stage.html'

export const stagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'unsafe-inline'",
  'img-src data: blob:',
  'font-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ')
