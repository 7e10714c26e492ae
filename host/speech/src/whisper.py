# Prints what is said in a WAV file: MODEL RECORDING LANGUAGE. Silence is left out, so that none of it becomes words.
import sys

from faster_whisper import WhisperModel

model, recording, language = sys.argv[1:4]
whisper = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)
segments, _ = whisper.transcribe(recording, language=language, beam_size=5, vad_filter=True)
print(" ".join(segment.text.strip() for segment in segments))
