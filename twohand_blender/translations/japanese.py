"""Japanese: the main labels."""

from __future__ import annotations

from typing import Final

JAPANESE: Final = {
    # buttons
    ("Operator", "Reconstruct Hands"): "手を再構成",
    ("Operator", "Cancel"): "キャンセル",
    ("Operator", "Import Take..."): "テイクをインポート...",
    ("Operator", "Import What Is Done"): "完了分をインポート",
    ("Operator", "Open Preferences"): "プリファレンスを開く",
    ("Operator", "Use Active Clip/Image"): "アクティブなクリップ/画像を使用",
    ("Operator", "Draw Hand Box"): "手の枠を描く",
    ("Operator", "Right Hand"): "右手",
    ("Operator", "Left Hand"): "左手",
    ("Operator", "Go to Frame of Box"): "枠のフレームへ移動",
    ("Operator", "Remove Box"): "枠を削除",
    ("Operator", "Clear Boxes"): "すべての枠を削除",
    ("Operator", "Show Overlay"): "オーバーレイを表示",
    ("Operator", "Re-apply Smoothing"): "スムージングを再適用",
    ("Operator", "Remove"): "削除",
    ("Operator", "Export FBX..."): "FBX をエクスポート...",
    ("Operator", "Add Pose Library"): "ポーズライブラリを追加",
    # panels
    ("*", "Reconstruct"): "再構成",
    ("*", "Frame Range"): "フレーム範囲",
    ("*", "Boxes"): "枠",
    ("*", "Hand Boxes"): "手の枠",
    ("*", "Camera"): "カメラ",
    ("*", "Engine"): "エンジン",
    ("*", "Hands"): "手",
    ("*", "Hands in This Scene"): "このシーンの手",
    # settings
    ("*", "Input"): "入力",
    ("*", "Image Sequence"): "連番画像",
    ("*", "Frame Rate"): "フレームレート",
    ("*", "Take"): "テイク",
    ("*", "Start"): "開始",
    ("*", "End"): "終了",
    ("*", "Step"): "ステップ",
    ("*", "Focal Length"): "焦点距離",
    ("*", "35 mm Equivalent"): "35 mm 換算",
    ("*", "Limit Joints"): "関節を制限",
    ("*", "Skin"): "肌",
    ("*", "Smoothing"): "スムージング",
    ("*", "Hand Model"): "手のモデル",
    ("*", "Device"): "デバイス",
    ("*", "Hand Shape"): "手の形状",
    # choices
    ("*", "Automatic"): "自動",
    ("*", "Scene Camera"): "シーンカメラ",
    ("*", "Manual"): "手動",
    ("*", "Two Hands"): "両手",
    ("*", "One for Both Hands"): "両手で共通",
    ("*", "One for Each Hand"): "手ごと",
    ("*", "From Another Take"): "別のテイクから",
    ("*", "Right Hand"): "右手",
    ("*", "Left Hand"): "左手",
    ("*", "Right"): "右",
    ("*", "Left"): "左",
}
