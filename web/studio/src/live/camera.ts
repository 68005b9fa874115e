// Cameras and video files as something that plays; what goes wrong is said in a sentence.

const SENTENCES: Record<string, string> = {
  NotAllowedError: "The browser may not use the camera. Allow it (the camera symbol beside the address, and the system's privacy settings), then start again.",
  NotFoundError: "The browser finds no camera. Plug one in and start again, or choose a video file.",
  NotReadableError: "The camera does not answer: another program may be using it. Close that program, then start again.",
  OverconstrainedError: "The chosen camera is not there any more. Choose another one.",
  AbortError: "The camera stopped while it was being opened. Start again.",
};
const ELSEWHERE =
  "The browser gives cameras only to pages at 127.0.0.1, localhost or an https address. Open the studio at http://127.0.0.1, or choose a video file.";

/** A refusal that can be shown as it is. */
export class CameraProblem extends Error {}

/** The sentence for what `getUserMedia` threw. */
export function sentence(cause: unknown): string {
  const name = cause instanceof Error || cause instanceof DOMException ? cause.name : "";
  return SENTENCES[name] ?? `The camera could not be opened${name ? ` (${name})` : ""}. Try another one, or choose a video file.`;
}

export interface Camera {
  id: string;
  label: string;
}

/** Cameras by name; before the first permission browsers tell no names, and some not even how many there are. */
export async function cameras(): Promise<Camera[]> {
  const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  return devices
    .filter((device) => device.kind === "videoinput" && device.deviceId)
    .map((device, place) => ({ id: device.deviceId, label: device.label || `Camera ${place + 1}` }));
}

/** Opens a camera. Throws `CameraProblem`. */
export async function openCamera(id: string): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) throw new CameraProblem(ELSEWHERE);
  const wanted: MediaTrackConstraints = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { ...wanted, ...(id ? { deviceId: { exact: id } } : { facingMode: "user" }) } });
  } catch (cause) {
    throw new CameraProblem(sentence(cause));
  }
}

export function closeCamera(stream: MediaStream | null): void {
  stream?.getTracks().forEach((track) => track.stop());
}

/** Plays what was set as the element's source; throws `CameraProblem` where the browser cannot. */
export async function played(video: HTMLVideoElement, name: string): Promise<void> {
  try {
    await video.play();
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") return; // stopped before it began
    throw new CameraProblem(`${name} cannot be played by this browser. Add it to the library instead: the studio reads more kinds of files.`);
  }
}
