// The camera, and in words why there is none.

const WIDTH = 640, HEIGHT = 480;

export async function openCamera(): Promise<MediaStream> {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("This address may not use the camera: browsers allow it on https:// and on http://127.0.0.1 only.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: WIDTH }, height: { ideal: HEIGHT } }, audio: false });
  } catch (error) {
    throw new Error(reason(error instanceof DOMException ? error.name : ""));
  }
}

function reason(name: string): string {
  if (name === "NotAllowedError") return "The camera was refused. Allow it in the browser's address bar and press the button again.";
  if (name === "NotFoundError") return "There is no camera. Connect one and press the button again.";
  if (name === "NotReadableError") return "The camera is in use by another program. Close it there and press the button again.";
  return "The camera cannot be opened. Look into the system's settings for cameras, then press the button again.";
}

export function closeCamera(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
