// node read_fbx.mjs FILE.fbx SECONDS...
// Prints one JSON object: animations (names, seconds), bones (name, parent), and for each skinned mesh the corners of
// its triangles at rest (bind pose, mesh axes) and at the given times (world), in the file's own unit and axes.
import { readFileSync } from "node:fs";

// FBXLoader expects a browser where a file names textures or logs.
globalThis.window = globalThis;
globalThis.self = globalThis;
globalThis.document = {
  createElementNS: () => ({ addEventListener() {}, removeEventListener() {}, style: {} }),
};
console.warn = (...words) => console.error(...words);
console.log = (...words) => console.error(...words);

const { AnimationMixer, Vector3 } = await import("three");
const { FBXLoader } = await import("three/examples/jsm/loaders/FBXLoader.js");

const [path, ...times] = process.argv.slice(2);
const bytes = readFileSync(path);
const root = new FBXLoader().parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength), "");

const mixer = new AnimationMixer(root);
for (const clip of root.animations) mixer.clipAction(clip).play();

const meshes = [];
const bones = [];
root.traverse((item) => {
  if (item.isSkinnedMesh) {
    meshes.push({
      item,
      name: item.name,
      skeleton: item.skeleton.bones.map((bone) => bone.name),
      morphs: Object.keys(item.morphTargetDictionary ?? {}),
      rest: Array.from(item.geometry.attributes.position.array),
      frames: [],
    });
  }
  if (item.isBone) bones.push({ name: item.name, parent: item.parent?.name ?? "", scale: item.scale.toArray() });
});

const position = new Vector3();
const morphs = [];
for (const time of times.map(Number)) {
  // The last moment of a clip would wrap round to its start.
  const end = Math.max(0, ...root.animations.map((clip) => clip.duration));
  mixer.setTime(Math.min(time, end - 1e-9));
  root.updateMatrixWorld(true);
  for (const mesh of meshes) {
    mesh.item.skeleton.update();
    const frame = [];
    for (let corner = 0; corner < mesh.item.geometry.attributes.position.count; corner++) {
      mesh.item.getVertexPosition(corner, position);
      position.applyMatrix4(mesh.item.matrixWorld);
      frame.push(position.x, position.y, position.z);
    }
    mesh.frames.push(frame);
    morphs.push(...(mesh.item.morphTargetInfluences ?? []));
  }
}

process.stdout.write(
  JSON.stringify({
    animations: root.animations.map((clip) => ({ name: clip.name, seconds: clip.duration })),
    bones,
    morphRange: morphs.length ? [Math.min(...morphs), Math.max(...morphs)] : [],
    meshes: meshes.map(({ item, ...rest }) => ({ ...rest, scale: item.scale.toArray() })),
  }),
);
