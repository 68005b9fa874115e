// Frames of a video file at even times, one after another: what is seen does not depend on how fast the machine is.

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

/** The picture at a time in seconds. */
export async function frameAt(video: HTMLVideoElement, time: number): Promise<ImageBitmap> {
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
