/** A short, quiet tone, at most one in half a second. */
const PAUSE_MS = 500;
let context: AudioContext | undefined;
let lastMs = Number.NEGATIVE_INFINITY;

export function beep(): void {
  const now = performance.now();
  if (now - lastMs < PAUSE_MS) return;
  lastMs = now;
  context ??= new AudioContext();
  const tone = context.createOscillator();
  const volume = context.createGain();
  tone.frequency.value = 660;
  volume.gain.setValueAtTime(0.08, context.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.18);
  tone.connect(volume).connect(context.destination);
  tone.start();
  tone.stop(context.currentTime + 0.2);
}
