(* The simple recurrent network (SPEC 3.1, 5.2, 5.4, 5.5), with a batch and two biases. *)
From Coq Require Import List Reals Lra.
From BPTT Require Export Rows Unroll.
Import ListNotations.

Section Cell.
Context {K : Type} {N : Numbers K} (f : activation K) {B I H : indices}.
Local Open Scope number_scope.

(* W_ih, W_hh, b_ih, b_hh *)
Definition rnn_parameters : Type := (H -> I -> K) * ((H -> H -> K) * ((H -> K) * (H -> K))).

Variables (p : rnn_parameters) (x : B -> I -> K) (h : B -> H -> K).  (* h is h(t-1) *)

Let W_ih := fst p.
Let W_hh := fst (snd p).
Let b_ih := fst (snd (snd p)).
Let b_hh := snd (snd (snd p)).

(* 3.1: a(t) = W_ih x(t) + b_ih + W_hh h(t-1) + b_hh, h(t) = f(a(t)) *)
Definition rnn_a : B -> H -> K := fun b i => affine x W_ih b_ih b i + affine h W_hh b_hh b i.
Definition rnn_forward : B -> H -> K := fun b i => value f (rnn_a b i).

(* 5.2: da(t) = dh(t) f'(a(t)), the slope read from h(t); 5.5: the share of this step in dW and db, dx(t); 5.4: carry. *)
Definition rnn_backward (dh : B -> H -> K) : rnn_parameters * ((B -> I -> K) * (B -> H -> K)) :=
  let da b i := dh b i * slope f (rnn_forward b i) in
  ((pooled da x, (pooled da h, (pooled_bias da, pooled_bias da))), (through da W_ih, through da W_hh)).
End Cell.

Arguments rnn_parameters : clear implicits.
Open Scope R_scope.

Lemma regroup a1 a2 a3 b1 b2 b3 : a1 + a2 + a3 + (b1 + b2 + b3) = a2 + (b2 + (a3 + b3)) + (a1 + b1).
Proof. ring. Qed.

Lemma spread u s a b : u * (s * (a + b)) = u * s * a + u * s * b.
Proof. ring. Qed.

Section Gradient.
Context (f : activation R) (B I H : indices).

Definition RnnParameters : space := Pair (Matrix H I) (Pair (Matrix H H) (Pair (Vector H) (Vector H))).

Definition RnnInputs : space := Pair RnnParameters (Pair (Matrix B I) (Matrix B H)).

(* The step as a function of everything that it reads. *)
Definition rnn_step (e : RnnInputs) : Matrix B H := rnn_forward f (fst e) (fst (snd e)) (snd (snd e)).

(* 5.2: one step. tanh, sigmoid and identity have a slope everywhere, relu where no a is 0. *)
Theorem rnn_step_is_adjoint (p : RnnParameters) (x : Matrix B I) (h : Matrix B H) :
  (forall b k, In b B -> In k H -> smooth_at f (rnn_a p x h b k)) ->
  adjoint rnn_step (p, (x, h)) (rnn_backward f p x h).
Proof.
  intros smooth.
  assert (dp : derivative (fun e : RnnInputs => fst e) (p, (x, h)) (fun v => fst v)) by apply derivative_linear, linear_fst.
  assert (rest : linear (fun e : RnnInputs => snd e)) by apply linear_snd.
  assert (dx : derivative (fun e : RnnInputs => fst (snd e)) (p, (x, h)) (fun v => fst (snd v))).
  { apply derivative_linear, (linear_then _ fst rest), linear_fst. }
  assert (dh : derivative (fun e : RnnInputs => snd (snd e)) (p, (x, h)) (fun v => snd (snd v))).
  { apply derivative_linear, (linear_then _ snd rest), linear_snd. }
  assert (params : linear (fun e : RnnInputs => snd (fst e))) by (apply (linear_then fst snd); [apply linear_fst | apply linear_snd]).
  assert (biases : linear (fun e : RnnInputs => snd (snd (fst e)))) by apply (linear_then _ snd params), linear_snd.
  assert (dW_ih : derivative (fun e : RnnInputs => fst (fst e)) (p, (x, h)) (fun v => fst (fst v))).
  { apply derivative_linear, (linear_then fst fst); apply linear_fst. }
  assert (dW_hh : derivative (fun e : RnnInputs => fst (snd (fst e))) (p, (x, h)) (fun v => fst (snd (fst v)))).
  { apply derivative_linear, (linear_then _ fst params), linear_fst. }
  assert (db_ih : derivative (fun e : RnnInputs => fst (snd (snd (fst e)))) (p, (x, h)) (fun v => fst (snd (snd (fst v))))).
  { apply derivative_linear, (linear_then _ fst biases), linear_fst. }
  assert (db_hh : derivative (fun e : RnnInputs => snd (snd (snd (fst e)))) (p, (x, h)) (fun v => snd (snd (snd (fst v))))).
  { apply derivative_linear, (linear_then _ snd biases), linear_snd. }
  pose proof (rows_activation f (fun e : RnnInputs => rnn_a (fst e) (fst (snd e)) (snd (snd e)) : Matrix B H) (p, (x, h)) _ smooth (rows_plus _ _ _ _ _ (rows_affine _ _ _ _ _ _ _ dx dW_ih db_ih) (rows_affine _ _ _ _ _ _ _ dh dW_hh db_hh)))
    as d.
  eexists. split; [exact d |]. clear d. intros u v. rewrite dot_rows. cbn [fst snd].
  set (da := fun b i => u b i * slope f (rnn_forward f p x h b i)).
  pose proof (dot_affine da x (fst (snd v)) (fst p) (fst (fst v)) (fst (snd (snd (fst v))))) as from_x.
  pose proof (dot_affine da h (snd (snd v)) (fst (snd p)) (fst (snd (fst v))) (snd (snd (snd (fst v))))) as from_h.
  unfold RnnInputs. rewrite (dot_pair RnnParameters), (dot_pair (Matrix B I)).
  unfold RnnParameters. rewrite (dot_pair (Matrix H I)), (dot_pair (Matrix H H)), (dot_pair (Vector H)).
  cbn [rnn_backward fst snd].
  match type of from_x with ?one = _ => match type of from_h with ?two = _ => transitivity (one + two) end end.
  - rewrite <- sum_add. apply sum_ext. intros b _. rewrite <- sum_add. apply sum_ext. intros k _. apply spread.
  - rewrite from_x, from_h. apply regroup.
Qed.

(* 5.4 and 5.5: the whole series, for any T and any divergence of the outputs and the last state, whose gradients are u(t) and d_h_n.
   W_hh and the other parameters get what all steps send into them. *)
Theorem rnn_is_gradient (T : nat) (p : RnnParameters) (x : Series T (Matrix B I)) (h : Matrix B H)
    (DIV : Pair (Series T (Matrix B H)) (Matrix B H) -> Real) u :
  (forall t b k, (t < T)%nat -> In b B -> In k H -> smooth_at f (rnn_a p (x t) (before (fun _ => rnn_step) p x h t) b k)) ->
  gradient DIV (unrolled (fun _ => rnn_step) T (p, (x, h))) u ->
  gradient (fun e => DIV (unrolled (fun _ => rnn_step) T e)) (p, (x, h))
    (back (fun t => rnn_backward f p (x t) (before (fun _ => rnn_step) p x h t)) (fst u) T (snd u)).
Proof. intros smooth d. apply back_is_gradient; auto. intros t here. apply rnn_step_is_adjoint. auto. Qed.
End Gradient.

(* tanh, sigmoid and identity ask for nothing. *)
Theorem rnn_tanh_is_gradient (B I H : indices) (T : nat) (p : RnnParameters I H) (x : Series T (Matrix B I)) (h : Matrix B H) DIV u :
  gradient DIV (unrolled (fun _ => rnn_step tanh B I H) T (p, (x, h))) u ->
  gradient (fun e => DIV (unrolled (fun _ => rnn_step tanh B I H) T e)) (p, (x, h))
    (back (fun t => rnn_backward tanh p (x t) (before (fun _ => rnn_step tanh B I H) p x h t)) (fst u) T (snd u)).
Proof. apply rnn_is_gradient. intros. apply smooth_tanh. Qed.

(* relu (2.5): the gate is open where y > 0. Its slope is the derivative wherever a is not 0. *)
Definition relu : activation R := {| value := fun a => if Rle_dec a 0 then 0 else a; slope := fun y => if Rle_dec y 0 then 0 else 1 |}.

Lemma smooth_relu a : a <> 0 -> smooth_at relu a.
Proof.
  intros apart eps pos. assert (room : 0 < Rabs a) by now apply Rabs_pos_lt.
  exists (mkposreal _ room). intros s nonzero near. simpl in near. cbn [value slope relu].
  destruct (Rle_dec a 0) as [neg | ?].
  - rewrite (Rabs_left1 a) in near by lra. apply Rabs_def2 in near as [? ?]. destruct (Rle_dec (a + s) 0); [| lra]. destruct (Rle_dec 0 0); [| lra].
    replace ((0 - 0) / s - 0) with 0 by (field; lra). now rewrite Rabs_R0.
  - rewrite (Rabs_right a) in near by lra. apply Rabs_def2 in near as [? ?]. destruct (Rle_dec (a + s) 0); [lra |]. destruct (Rle_dec a 0); [lra |].
    replace ((a + s - a) / s - 1) with 0 by (field; lra). now rewrite Rabs_R0.
Qed.

(* With relu, where no unit stands at its kink. *)
Theorem rnn_relu_is_gradient (B I H : indices) (T : nat) (p : RnnParameters I H) (x : Series T (Matrix B I)) (h : Matrix B H) DIV u :
  (forall t b k, (t < T)%nat -> In b B -> In k H -> rnn_a p (x t) (before (fun _ => rnn_step relu B I H) p x h t) b k <> 0) ->
  gradient DIV (unrolled (fun _ => rnn_step relu B I H) T (p, (x, h))) u ->
  gradient (fun e => DIV (unrolled (fun _ => rnn_step relu B I H) T e)) (p, (x, h))
    (back (fun t => rnn_backward relu p (x t) (before (fun _ => rnn_step relu B I H) p x h t)) (fst u) T (snd u)).
Proof. intros apart. apply rnn_is_gradient. intros. apply smooth_relu. auto. Qed.
