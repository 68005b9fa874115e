// Frames of a video file at even times by the browser's own player, for files that `decoded.ts` does not read. Slower: a player begins
// each step at the last whole picture before it.

const PATIENCE = 20_000; // milliseconds for one step

/** A video that is ready to be stepped through, out of sight. */
export async function openVideo(url: string, name: string): Promise<HTMLVideoElement> {
  const video = document.createElement("video");
  video.muted = true;
  video.preload = "auto";
  video.playsInline = true;
  video.src = url;
  await happens(video, "loadeddata", unreadable(name));
  if (!video.videoWidth) throw new Error(unreadable(name));
  if (!Number.isFinite(video.duration)) {
    video.currentTime = 1e9; // recordings of browsers do not say how long they are; at the end it is known
    await happens(video, "seeked", unreadable(name));
  }
  return video;
}

export function unreadable(name: string): string {
  return `${name} is neither a picture nor a video that this browser can read. Browsers read JPEG, PNG, WebP and AVIF, and MP4 (H.264) or WebM; aufait detect reads more.`;
}

/** Pictures at even steps, `rate` a second; they are numbered from 1, as the numbers of the file's frames are not known. */
export async function* stepped(video: HTMLVideoElement, rate: number): AsyncGenerator<{ number: number; time: number; image: ImageBitmap }> {
  for (let number = 1, time = 0; time < video.duration; time = number++ / rate) {
    yield { number, time, image: await frameAt(video, time) };
  }
}

async function frameAt(video: HTMLVideoElement, time: number): Promise<ImageBitmap> {
  if (Math.abs(video.currentTime - time) > 1e-6) {
    const arrived = happens(video, "seeked", `The video cannot be read beyond ${time.toFixed(1)} s.`);
    video.currentTime = time;
    await arrived;
  }
  return createImageBitmap(video);
}

function happens(video: HTMLVideoElement, event: string, otherwise: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(new Error(otherwise)), PATIENCE);
    const done = (error?: Error) => {
      clearTimeout(timer);
      video.removeEventListener(event, good);
      video.removeEventListener("error", bad);
      if (error) reject(error);
      else resolve();
    };
    const good = () => done();
    const bad = () => done(new Error(otherwise));
    video.addEventListener(event, good);
    video.addEventListener("error", bad);
  });
}
